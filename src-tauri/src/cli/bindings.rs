use super::Failure;
use std::{path::PathBuf, process::ExitCode};

#[derive(Debug, clap::Args)]
pub(crate) struct BindingsArguments {
    /// Fail where the file differs from what would be written
    #[arg(long)]
    check: bool,
    /// The file
    #[arg(long, default_value = "ui/src/bindings.gen.ts")]
    file: PathBuf,
}

pub(crate) fn run(arguments: &BindingsArguments) -> Result<ExitCode, Failure> {
    if !arguments.check {
        crate::commands::write_typescript(&arguments.file)?;
        return Ok(ExitCode::SUCCESS);
    }
    let fresh = std::env::temp_dir().join(format!("bindings-{}.ts", std::process::id()));
    crate::commands::write_typescript(&fresh)?;
    let same = std::fs::read(&fresh)? == std::fs::read(&arguments.file)?;
    std::fs::remove_file(&fresh)?;
    if same {
        return Ok(ExitCode::SUCCESS);
    }
    Err(format!(
        "{} is not what Rust says: run make bindings and commit it",
        arguments.file.display()
    )
    .into())
}
