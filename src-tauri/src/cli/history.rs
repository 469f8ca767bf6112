use super::{
    Failure,
    output::{Output, detail},
};
use crate::{clock::local, settings::Settings, wiring};
use jiff::tz::TimeZone;
use serde_json::json;
use std::process::ExitCode;
use wiko_core::{
    history::{HistoryCursor, HistoryFilter, HistoryRow},
    inspection::{Decision, OperatorCall},
    ports::StoreError,
    time::UnixMillis,
    verdict::VerdictCode,
};
use wiko_store::RecordsReader;

#[derive(Debug, clap::Args)]
pub(crate) struct HistoryArguments {
    /// Captured at or after, such as 2026-03-01T07:00:00+08:00 or 2026-03-01
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Captured before
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// At this stage
    #[arg(long)]
    stage: Option<String>,
    /// Of this product
    #[arg(long)]
    sku: Option<String>,
    /// Of which this became: pass, fail, undetermined, pending, accepted or rejected (by a person)
    #[arg(long, alias = "verdict")]
    disposition: Option<String>,
    /// Whose worst finding has this severity
    #[arg(long)]
    severity: Option<String>,
    /// In whose texts, lot or serial these words stand, such as 锈斑 or L2603
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Go on after this sequence number, the `next` of the page before
    #[arg(long, value_name = "SEQUENCE")]
    after: Option<i64>,
}

pub(crate) async fn run(
    arguments: HistoryArguments,
    settings: &Settings,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let time = |given: &Option<String>| {
        given
            .as_deref()
            .map(|text| parse_time(text, settings))
            .transpose()
    };
    let filter = HistoryFilter {
        from: time(&arguments.from)?,
        to: time(&arguments.to)?,
        stage: arguments.stage.as_deref().map(str::parse).transpose()?,
        product_sku: match &arguments.sku {
            Some(sku) => Some(settings.skus.find(sku)?.clone()),
            None => None,
        },
        disposition: arguments
            .disposition
            .as_deref()
            .map(str::parse)
            .transpose()?,
        severity: arguments.severity.as_deref().map(str::parse).transpose()?,
        text: arguments.search.clone(),
    };
    let Some(records) = wiring::open_reader(settings).await? else {
        output.text("nothing found: nothing was captured yet");
        return Ok(ExitCode::SUCCESS);
    };
    let zone = settings.shifts.zone();
    let (mut left, mut found) = (arguments.limit, false);
    let mut next = arguments.after.map(HistoryCursor);
    loop {
        let page = records.history(&filter, next, left).await?;
        found |= !page.rows.is_empty();
        for row in &page.rows {
            let why = undetermined(&records, row).await?;
            output.line(
                &json_of(row, why.as_ref()),
                text_of(row, why.as_ref(), zone),
            );
        }
        left = left.saturating_sub(u32::try_from(page.rows.len()).unwrap_or(u32::MAX));
        next = page.next;
        if left == 0 || next.is_none() {
            break;
        }
    }
    if !found {
        output.text("nothing found");
    }
    if let Some(HistoryCursor(next)) = next {
        output.line(
            &json!({"event": "more", "next": next}),
            format_args!("more: --after {next}"),
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// The decision of a part that could not be judged: with the verdict alone a person does not know where to look.
async fn undetermined(
    records: &RecordsReader,
    row: &HistoryRow,
) -> Result<Option<Decision>, StoreError> {
    match row.verdict {
        VerdictCode::Undetermined => Ok(records.inspection(row.id).await?.decision),
        VerdictCode::Pass | VerdictCode::Fail | VerdictCode::Pending => Ok(None),
    }
}

fn json_of(row: &HistoryRow, why: Option<&Decision>) -> serde_json::Value {
    json!({
        "event": "inspection",
        "id": row.id,
        "sequence": row.sequence,
        "captured_at": row.captured_at.iso8601(),
        "stage": row.stage,
        "product_sku": row.product_sku,
        "lot": row.lot,
        "verdict": row.verdict,
        "reason": why.and_then(|why| why.reason),
        "detail": why.map(detail),
        "disposition": row.disposition(),
        "severity": row.severity,
        "defect_type": row.defect_type,
        "findings": row.findings,
        "operator_call": row.operator_call,
        "uploaded": row.uploaded,
    })
}

fn text_of(row: &HistoryRow, why: Option<&Decision>, zone: &TimeZone) -> String {
    let mut text = format!(
        "{} {} {:<12} {:<11} {:<20} {} {} {}",
        local(row.captured_at, zone),
        row.id,
        row.disposition(),
        row.product_sku,
        row.stage,
        row.defect_type.map_or("-", |defect| defect.code()),
        row.severity.map_or("-", |severity| severity.code()),
        if row.uploaded { "uploaded" } else { "local" },
    );
    if let Some(call) = row.operator_call {
        let said = match call {
            OperatorCall::Confirm => "confirmed",
            OperatorCall::Accept => "accepted",
            OperatorCall::Reject => "rejected",
        };
        text += &format!(" {said} by a person, machine: {}", row.verdict);
    }
    if let Some(why) = why {
        let reason = why.reason.map_or("no reason noted", |reason| reason.code());
        text += &format!("\n    {reason}");
        match detail(why) {
            "" => {}
            detail => text += &format!(": {detail}"),
        }
    }
    text
}

/// A moment with its offset, or a day or time of day in the station's own zone.
fn parse_time(text: &str, settings: &Settings) -> Result<UnixMillis, Failure> {
    if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        return Ok(UnixMillis(moment.as_millisecond()));
    }
    let local: jiff::civil::DateTime = text.parse().map_err(|_| {
        format!(
            "\"{text}\" is no time: write 2026-03-01, 2026-03-01T07:00 or 2026-03-01T07:00:00+08:00"
        )
    })?;
    let zoned = local.to_zoned(settings.shifts.zone().clone())?;
    Ok(UnixMillis(zoned.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wiko_core::{id::InspectionId, sku::ProductSku, stage::Stage, verdict::UndeterminedReason};

    fn row(verdict: VerdictCode, operator_call: Option<OperatorCall>) -> HistoryRow {
        HistoryRow {
            sequence: 7,
            id: InspectionId::new(UnixMillis(0), [0; 10]),
            captured_at: UnixMillis(0),
            stage: Stage::BladeGlazing,
            product_sku: ProductSku::new("WK-KN-200").unwrap(),
            lot: None,
            verdict,
            severity: None,
            defect_type: None,
            findings: 0,
            operator_call,
            uploaded: true,
        }
    }

    #[test]
    fn a_pass_that_a_person_rejected_is_not_printed_as_a_pass() {
        let row = row(VerdictCode::Pass, Some(OperatorCall::Reject));
        let text = text_of(&row, None, &TimeZone::UTC);
        assert!(text.contains(" rejected     WK-KN-200"), "{text}");
        assert!(
            text.ends_with("rejected by a person, machine: pass"),
            "{text}"
        );
        let json = json_of(&row, None);
        assert_eq!(json["disposition"], "rejected");
        assert_eq!(json["operator_call"], "reject");
        assert_eq!(json["verdict"], "pass", "the machine's verdict stays");
    }

    #[test]
    fn a_fail_that_a_person_accepted_says_so() {
        let text = text_of(
            &row(VerdictCode::Fail, Some(OperatorCall::Accept)),
            None,
            &TimeZone::UTC,
        );
        assert!(
            text.ends_with("accepted by a person, machine: fail"),
            "{text}"
        );
        assert!(!text.contains(" pass "), "{text}");
    }

    #[test]
    fn a_part_of_which_nobody_spoke_is_printed_as_the_machine_found_it() {
        let row = row(VerdictCode::Undetermined, None);
        assert!(
            text_of(&row, None, &TimeZone::UTC).ends_with("- - uploaded"),
            "{}",
            text_of(&row, None, &TimeZone::UTC)
        );
        assert_eq!(json_of(&row, None)["disposition"], "undetermined");
    }

    #[test]
    fn a_part_that_could_not_be_judged_says_why_and_when_in_the_station_s_time() {
        let row = row(VerdictCode::Undetermined, None);
        let why = Decision {
            verdict: VerdictCode::Undetermined,
            reason: Some(UndeterminedReason::ImageUnfit),
            detail: "the lens is covered".to_owned(),
            decided_at: UnixMillis(0),
            analysis: None,
        };
        let text = text_of(&row, Some(&why), &TimeZone::get("Asia/Shanghai").unwrap());
        assert!(text.starts_with("1970-01-01T08:00:00+08:00 "), "{text}");
        assert!(
            text.ends_with("\n    image_unfit: the lens is covered"),
            "{text}"
        );
        let json = json_of(&row, Some(&why));
        assert_eq!(json["reason"], "image_unfit");
        assert_eq!(json["detail"], "the lens is covered");
        assert_eq!(json["captured_at"], "1970-01-01T00:00:00.000Z");
    }
}
