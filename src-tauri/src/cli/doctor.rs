use super::{Failure, output::Output};
use crate::{
    doctor,
    dto::CheckState,
    settings::{Environment, Settings},
    wiring,
};
use serde_json::json;
use std::process::ExitCode;

pub(crate) async fn run(
    settings: Settings,
    environment: &Environment,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let checks = doctor::examine(&settings, wiring::secrets(&settings, environment)).await;
    let mut failed = false;
    for check in &checks {
        failed |= check.state == CheckState::Failed;
        let remedy = match check.remedy.as_str() {
            "" => String::new(),
            remedy => format!("\n    → {remedy}"),
        };
        output.line(
            &json!({
                "event": "check",
                "check": check.check,
                "state": check.state,
                "seen": check.seen,
                "remedy": check.remedy,
            }),
            format_args!(
                "{:<8} {:<14} {}{remedy}",
                doctor::word(check.state),
                check.check,
                check.seen
            ),
        );
    }
    Ok(if failed {
        ExitCode::from(1)
    } else {
        ExitCode::SUCCESS
    })
}
