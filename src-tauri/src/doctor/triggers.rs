//! Whether parts can be triggered as they are set up.

use super::{check, ok};
use crate::{
    dto::{CheckDto, CheckState},
    settings::Settings,
    triggers::{self, TOKEN_FILE, Token},
};
use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    time::Duration,
};
use wiko_core::trigger::TriggerSource;

const NAME: &str = "triggers";

/// Reads the set-up, and the token where programs may trigger.
pub(super) fn examine(settings: &Settings) -> CheckDto {
    let triggers = match triggers::load(&settings.data_dir) {
        Ok(triggers) => triggers,
        Err(error) => return check(NAME, CheckState::Failed, error.to_string(), ""),
    };
    let on: Vec<String> = triggers.sources.iter().map(ToString::to_string).collect();
    let has_token = settings.data_dir.join(TOKEN_FILE).exists();
    // One that is not there yet is made when the station starts.
    if triggers.is_on(TriggerSource::Http)
        && has_token
        && let Err(error) = Token::load_or_create(&settings.data_dir)
    {
        return check(NAME, CheckState::Failed, error.to_string(), "");
    }
    if triggers.is_on(TriggerSource::Http)
        && let Some(taken) = taken(triggers.http_port)
    {
        let remedy =
            "end the program that has it, or set another: wiko-station triggers set http_port=PORT";
        return check(NAME, CheckState::Failed, taken, remedy);
    }
    ok(NAME, on.join(", "))
}

/// How long a server on this machine may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_millis(500);

/// That another program has the port; none where it is free, or the station's own.
fn taken(port: u16) -> Option<String> {
    if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
        return None;
    }
    let ours = || -> io::Result<bool> {
        let address = (Ipv4Addr::LOCALHOST, port).into();
        let mut stream = TcpStream::connect_timeout(&address, ANSWER_WITHIN)?;
        stream.set_read_timeout(Some(ANSWER_WITHIN))?;
        write!(
            stream,
            "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = Vec::new();
        stream.take(ANSWER_BYTES).read_to_end(&mut answer)?;
        Ok(answer.ends_with(HEALTHY))
    };
    (!ours().unwrap_or(false))
        .then(|| format!("programs cannot trigger: another program has port {port}"))
}

const ANSWER_BYTES: u64 = 4096;

/// What the station's own server answers.
const HEALTHY: &[u8] = br#"{"status":"ok"}"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_free_or_the_stations_own_is_fine_and_another_programs_is_told() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let answers = |body: &'static [u8]| {
            let listener = listener.try_clone().unwrap();
            let serving = std::thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                // The request comes in one piece.
                let _ = stream.read(&mut [0; 1024]).unwrap();
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
                stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
            });
            let told = taken(port);
            serving.join().unwrap();
            told
        };
        assert_eq!(answers(HEALTHY), None);
        let other = answers(b"<h1>Directory listing</h1>").unwrap();
        assert!(other.contains(&port.to_string()), "{other}");
        drop(listener);
        assert_eq!(taken(port), None);
    }
}
