//! The token that programs on this machine show before they may trigger.
//!
//! Invariants:
//! - It lies in a file that only the station's user may read, because scripts have to read it; one that others could
//!   read is refused, never mended: it may be known already.
//! - No log, error or debug output holds it. It is compared in constant time.

use secrecy::{ExposeSecret, SecretString};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};
use subtle::ConstantTimeEq;

/// Name of the file in the data directory.
pub const TOKEN_FILE: &str = "trigger.token";

/// Hexadecimal digits of a token: 32 random bytes.
const DIGITS: usize = 64;

/// The token.
#[derive(Debug)]
pub struct Token(SecretString);

/// There is no token that can be trusted.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file cannot be read or made.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Others may read it.
    #[error(
        "{}: others than the station's user may read it, so it is no secret: delete it, and the next start makes a new one",
        path.display()
    )]
    Open {
        /// The file.
        path: PathBuf,
    },
    /// It holds no token.
    #[error("{}: holds no token: delete it, and the next start makes a new one", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
}

impl Token {
    /// Reads the token of `data_dir`; makes one where there is none yet.
    pub fn load_or_create(data_dir: &Path) -> Result<Self, TokenError> {
        let path = data_dir.join(TOKEN_FILE);
        match read(&path) {
            Err(TokenError::Io { error, .. }) if error.kind() == io::ErrorKind::NotFound => {}
            token => return token,
        }
        create(data_dir, &path).map_err(|error| TokenError::Io {
            path: path.clone(),
            error,
        })?;
        read(&path)
    }

    /// True where `given` is the token.
    pub fn is(&self, given: &[u8]) -> bool {
        self.0.expose_secret().as_bytes().ct_eq(given).into()
    }
}

fn read(path: &Path) -> Result<Token, TokenError> {
    let failed = |error| TokenError::Io {
        path: path.to_owned(),
        error,
    };
    let file = File::open(path).map_err(failed)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = file.metadata().map_err(failed)?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(TokenError::Open {
                path: path.to_owned(),
            });
        }
    }
    let text = SecretString::from(io::read_to_string(file).map_err(failed)?);
    let token = text.expose_secret().trim_end();
    if token.len() != DIGITS || !token.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(TokenError::Malformed {
            path: path.to_owned(),
        });
    }
    Ok(Token(SecretString::from(token.to_owned())))
}

/// Whole under its name or not there: a start that is broken off leaves no half of a token.
fn create(data_dir: &Path, path: &Path) -> io::Result<()> {
    let unfinished = data_dir.join(format!("{TOKEN_FILE}.new"));
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(&unfinished)?;
    let mut text = String::with_capacity(DIGITS + 1);
    for byte in rand::random::<[u8; DIGITS / 2]>() {
        text.push_str(&format!("{byte:02x}"));
    }
    text.push('\n');
    let text = SecretString::from(text);
    file.write_all(text.expose_secret().as_bytes())?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    #[cfg(unix)]
    File::open(data_dir)?.sync_all()?;
    Ok(())
}
