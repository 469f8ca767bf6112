use super::{Failure, output::Output};
use crate::{
    clock::SystemClock,
    commands::cleared,
    doctor::{self, Trouble},
    settings::Settings,
    trail::COMMAND_LINE,
    wiring,
};
use serde_json::json;
use std::process::ExitCode;
use wiko_core::{
    audit::{AuditCategory, AuditEntry, AuditResult, AuditSource},
    ports::{Clock, StoreError},
};
use wiko_store::SqliteRecords;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum StorageCommand {
    /// Say that the disk was checked: capture goes on after a storage fault
    ClearFault,
}

pub(crate) async fn run(
    command: StorageCommand,
    settings: &Settings,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let StorageCommand::ClearFault = command;
    let opened = SqliteRecords::open(&settings.data_dir, wiring::store_options(settings)).await;
    let records = match opened {
        Ok(opened) => opened.records,
        Err(error @ StoreError::InUse { .. }) => {
            return Err(format!("{error}; in its window a supervisor can clear the fault").into());
        }
        // A fault that stands for a database that is damaged is not over with the disk.
        Err(error @ StoreError::Fault { .. }) => return Err(not_cleared(&Trouble::of(&error))),
        Err(error) => return Err(error.into()),
    };
    if let Some(trouble) = doctor::trouble(records.reader()).await {
        records.close().await;
        return Err(not_cleared(&trouble));
    }
    let fault = records.fault();
    let done = match &fault {
        None => Ok(()),
        Some(_) => {
            let said = AuditEntry {
                at: SystemClock.now(),
                source: AuditSource::CommandLine,
                category: AuditCategory::Storage,
                identity: COMMAND_LINE.to_owned(),
                subject: Some("storage_fault".to_owned()),
                result: AuditResult::Done,
                detail: cleared(fault.clone()),
            };
            records.clear_fault(&said).await
        }
    };
    records.close().await;
    done?;
    output.line(
        &json!({"event": "fault_cleared", "fault": fault}),
        match &fault {
            Some(fault) => format!("cleared, capture goes on: {fault}"),
            None => "there is no storage fault".to_owned(),
        },
    );
    Ok(ExitCode::SUCCESS)
}

fn not_cleared(Trouble { seen, remedy }: &Trouble) -> Failure {
    format!("the fault stays, for the database cannot be worked with: {seen}. To do: {remedy}")
        .into()
}
