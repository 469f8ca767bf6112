use super::{Failure, output::Output};
use crate::{
    clock::SystemClock,
    settings::{Environment, Settings},
    wiring,
};
use serde_json::json;
use std::{
    fmt::{self, Display},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use wiko_analyzer::{
    labelled::LabelledSet,
    screen::{Screen, ScreenModels, TaughtScreens},
    study::{AppraiserFigures, Candidate, Plan, Ratings, Setting, Source, StudyReport, ask, page},
};
use wiko_core::{
    agreement::{Kappa, Proportion},
    analysis::Provider,
    camera::{CameraId, CameraTag},
    id::InspectionId,
    inspection::CaptureFacts,
    ports::{Analyzer, Clock},
    sku::ProductSku,
    stage::Stage,
};

/// The study's names in its folder.
const JSON_FILE: &str = "study.json";
const PAGE_FILE: &str = "study.html";

#[derive(Debug, clap::Args)]
pub(crate) struct StudyArguments {
    /// Folder of labelled pictures: with labels.csv, or a set with dev/images.csv (docs/study.md)
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// Who is asked: screen, claude, azure; may be given several times. The station's chain where none is given
    #[arg(long = "provider", value_name = "PROVIDER")]
    providers: Vec<Provider>,
    /// How often each part is shown to each of them
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=50))]
    trials: u32,
    /// As which product; the station's order where none is given
    #[arg(long, value_name = "SKU")]
    sku: Option<String>,
    /// At which stage; the station's order where none is given
    #[arg(long, value_name = "STAGE")]
    stage: Option<String>,
    /// At most so many parts, spread evenly over the folder
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// What people said of the same parts: CSV with the columns file, rater, trial, verdict
    #[arg(long, value_name = "FILE")]
    ratings: Option<PathBuf>,
    /// Ask no service any more once so much is spent
    #[arg(long, value_name = "USD", default_value_t = 5.0)]
    max_cost_usd: f64,
    /// Write study.json and study.html into this folder
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
}

impl StudyArguments {
    fn max_cost_micro_usd(&self) -> Result<u64, Failure> {
        if (0.0..=1e9).contains(&self.max_cost_usd) {
            return Ok((self.max_cost_usd * 1e6).round() as u64);
        }
        Err("--max-cost-usd takes a number of US dollars, zero or more".into())
    }

    /// Each once, in the order given.
    fn providers(&self, settings: &Settings) -> Vec<Provider> {
        let given = if self.providers.is_empty() {
            &settings.chain
        } else {
            &self.providers
        };
        let mut providers = Vec::new();
        for provider in given {
            if !providers.contains(provider) {
                providers.push(*provider);
            }
        }
        providers
    }
}

pub(crate) async fn run(
    arguments: StudyArguments,
    settings: &Settings,
    environment: &Environment,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let product_sku = match &arguments.sku {
        Some(sku) => settings.skus.find(sku)?.clone(),
        None => settings.order.product_sku.clone(),
    };
    let stage = match &arguments.stage {
        Some(stage) => stage.parse::<Stage>()?,
        None => settings.order.stage,
    };
    let max_cost_micro_usd = arguments.max_cost_micro_usd()?;
    let set = Arc::new(read(&arguments, output).await?);
    let candidates = candidates(&arguments, settings, environment, &set)?;
    let names: Vec<_> = candidates.iter().map(|of| of.provider.code()).collect();
    let ratings = match &arguments.ratings {
        Some(file) => Ratings::read(file, &set, &names)?,
        None => Ratings::default(),
    };
    for refused in &ratings.refused {
        output.refused(&format!("ratings line {}", refused.line), &refused.reason);
    }
    // Before anything is spent.
    claim(&arguments.output)?;
    let plan = Plan {
        set: Arc::clone(&set),
        capture: capture(settings, product_sku.clone(), stage),
        language: settings.language,
        trials: arguments.trials,
        in_flight: settings.analyses_in_flight,
        max_cost_micro_usd,
        stop: stopped_by_hand(),
    };
    let setting = Setting {
        started_at: plan.capture.captured_at.iso8601(),
        made_by: concat!("wiko-station ", env!("CARGO_PKG_VERSION")).to_owned(),
        product_sku,
        stage,
        language: settings.language,
        trials: arguments.trials,
        max_cost_micro_usd,
    };
    let (mut appraised, mut spent_micro_usd) = (Vec::new(), 0);
    for candidate in &candidates {
        announce(&plan, candidate, output);
        appraised.push(ask(&plan, candidate, &mut spent_micro_usd).await);
    }
    let report = StudyReport::of(&set, setting, appraised, ratings);
    let written = write(&report, &set, &arguments.output)?;
    tell(&report, &written, output);
    let silent = |of: &AppraiserFigures| of.parts_judged == 0;
    if report.appraisers.iter().all(silent) {
        output.warn("nobody answered: the study says nothing of anybody. What came instead stands in study.json");
        return Ok(ExitCode::from(1));
    }
    Ok(ExitCode::SUCCESS)
}

/// The labelled folder, without what cannot be used of it.
async fn read(arguments: &StudyArguments, output: &Output) -> Result<LabelledSet, Failure> {
    let (folder, limit) = (arguments.folder.clone(), arguments.limit);
    let read = tokio::task::spawn_blocking(move || {
        LabelledSet::open(&folder).map(|mut set| {
            set.keep_at_most(limit.map_or(usize::MAX, |limit| limit as usize));
            set.refuse_unusable();
            set
        })
    });
    let set = read.await??;
    for refused in &set.refused {
        output.refused(&refused.file, &refused.reason);
    }
    if set.parts.is_empty() {
        let folder = arguments.folder.display();
        return Err(format!("{folder}: no labelled picture can be used").into());
    }
    Ok(set)
}

fn candidates(
    arguments: &StudyArguments,
    settings: &Settings,
    environment: &Environment,
    set: &Arc<LabelledSet>,
) -> Result<Vec<Candidate>, Failure> {
    let secrets = wiring::secrets(settings, environment);
    let aws = wiring::aws(settings, secrets.clone())?;
    let models = Arc::new(ScreenModels::open(wiring::models_dir(settings)));
    let screen: Arc<dyn Analyzer> = Arc::new(Screen::new(models));
    let candidate = |provider: Provider| {
        let azure = &settings.azure;
        let source = if provider == Provider::Screen && !set.lessons.is_empty() {
            Source::Taught(Arc::new(TaughtScreens::of(Arc::clone(set))))
        } else {
            let analyzer = wiring::analyzer(settings, provider, &aws, &secrets, &screen)?;
            Source::Analyzer(analyzer)
        };
        let priced = azure.usd_per_million_input > 0.0 && azure.usd_per_million_output > 0.0;
        Ok(Candidate {
            provider,
            priced: provider != Provider::Azure || priced,
            source,
        })
    };
    let providers = arguments.providers(settings).into_iter();
    providers.map(candidate).collect()
}

/// Makes the folder, and refuses one that holds a study: what was paid for is not overwritten.
fn claim(dir: &Path) -> Result<(), Failure> {
    for name in [JSON_FILE, PAGE_FILE] {
        let path = dir.join(name);
        if path.exists() {
            let reason = "there is a study already: name another folder with --output";
            return Err(format!("{}: {reason}", path.display()).into());
        }
    }
    let tried = dir.join("study.part");
    std::fs::create_dir_all(dir)
        .and_then(|()| std::fs::write(&tried, ""))
        .and_then(|()| std::fs::remove_file(&tried))
        .map_err(|error| format!("{} cannot be written: {error}", dir.display()).into())
}

/// What every part is shown as. Its file's name is not in it: that may tell what the part is.
fn capture(settings: &Settings, product_sku: ProductSku, stage: Stage) -> CaptureFacts {
    let reading = SystemClock.reading();
    CaptureFacts {
        id: InspectionId::new(reading.now, [0; 10]),
        captured_at: reading.now,
        facility: settings.facility,
        station: settings.station.clone(),
        stage,
        product_sku,
        lot: None,
        serial: None,
        shift: settings.shifts.shift_at(reading.now).code,
        operator: "study".to_owned(),
        camera: CameraTag {
            id: CameraId("file".to_owned()),
            frame_sequence: 0,
            exposed_at: reading.now,
            conditions: None,
        },
        boot_id: reading.boot_id,
        monotonic_ms: reading.monotonic_ms,
    }
}

/// True from the moment on in which somebody presses Ctrl-C: what was answered until then is still reported.
fn stopped_by_hand() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            stopped.store(true, Ordering::Relaxed);
        }
    });
    stop
}

/// Says how much is about to be asked, and what it may cost.
fn announce(plan: &Plan, candidate: &Candidate, output: &Output) {
    let (parts, trials) = (plan.set.parts.len(), plan.trials);
    let looks = parts * trials as usize;
    let provider = candidate.provider;
    let value = json!({
        "event": "asking",
        "appraiser": provider,
        "parts": parts,
        "trials": trials,
        "looks": looks,
        "max_cost_micro_usd": provider.service().map(|_| plan.max_cost_micro_usd),
    });
    let cost = match (provider.service(), candidate.priced) {
        (None, _) => "on this machine".to_owned(),
        (Some(_), true) => {
            let most = plan.max_cost_micro_usd as f64 / 1e6;
            format!("one call a look and more where it is unsure, until {most:.2} USD are spent")
        }
        (Some(_), false) => "no price is set, so that what it costs is not known and not bounded \
                             (azure.usd_per_million_input and _output in station.toml)"
            .to_owned(),
    };
    output.line(
        &value,
        format_args!(
            "asking {provider} about {parts} parts, {trials} times each, {looks} looks: {cost}"
        ),
    );
}

/// The files of a study.
struct Written {
    json: PathBuf,
    page: PathBuf,
}

fn write(report: &StudyReport, set: &LabelledSet, dir: &Path) -> Result<Written, Failure> {
    let written = Written {
        json: dir.join(JSON_FILE),
        page: dir.join(PAGE_FILE),
    };
    // The answers first: a page can be made of them again.
    std::fs::write(&written.json, serde_json::to_vec_pretty(report)?)?;
    let from = dir.canonicalize()?;
    let pictures = set.dir.canonicalize()?;
    let page = page(report, |file| relative_url(&from, &pictures.join(file)))?;
    std::fs::write(&written.page, page)?;
    Ok(written)
}

/// The way from a folder to a file as a URL; none where there is none, as to another drive.
fn relative_url(from: &Path, to: &Path) -> Option<String> {
    let (from, to): (Vec<_>, Vec<_>) = (from.components().collect(), to.components().collect());
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    if shared == 0 {
        return None;
    }
    let up = from[shared..].iter().map(|_| "..".to_owned());
    let down = to[shared..].iter().map(|part| {
        let name = part.as_os_str().to_str()?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let escaped = name.bytes().map(|byte| {
            if plain(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        });
        Some(escaped.collect::<String>())
    });
    let steps: Option<Vec<String>> = up.map(Some).chain(down).collect();
    Some(steps?.join("/"))
}

fn tell(report: &StudyReport, written: &Written, output: &Output) {
    for of in &report.appraisers {
        let mut value = json!({"event": "appraised"});
        if let (Some(value), Ok(serde_json::Value::Object(figures))) =
            (value.as_object_mut(), serde_json::to_value(of))
        {
            value.extend(figures);
        }
        output.line(&value, Appraised(of));
    }
    let (json_file, page_file) = (written.json.display(), written.page.display());
    output.line(
        &json!({
            "event": "studied",
            "parts": report.parts.len(),
            "pairs": report.pairs,
            "all": report.all,
            "cost_micro_usd": report.cost_micro_usd(),
            "json": json_file.to_string(),
            "page": page_file.to_string(),
        }),
        format_args!(
            "studied {} parts: {page_file} to read, {json_file} for programs",
            report.parts.len()
        ),
    );
}

/// An appraiser's figures for people.
struct Appraised<'a>(&'a AppraiserFigures);

impl Display for Appraised<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = self.0;
        write!(
            f,
            "{}: misses {}, false alarms {}, undetermined {}, looks not answered {}; kappa to the labels {}, among \
             its trials {}",
            of.appraiser.name,
            Share(of.misses),
            Share(of.false_alarms),
            Share(of.undetermined),
            Share(of.not_answered),
            Figure(of.kappa_to_standard),
            Figure(of.kappa_of_trials),
        )?;
        if let Some(reason) = &of.appraiser.ended_early {
            write!(f, "\n  {reason}")?;
        }
        Ok(())
    }
}

struct Share(Proportion);

impl Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.0.count, self.0.of)
    }
}

struct Figure(Kappa);

impl Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.kappa, self.0.undefined) {
            (Some(kappa), _) => write!(f, "{kappa:.3}"),
            (None, Some(why)) => write!(f, "undefined ({why})"),
            (None, None) => write!(f, "undefined"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_linked_by_the_way_from_the_page_to_it() {
        let link = |from: &str, to: &str| relative_url(Path::new(from), Path::new(to));
        let url = link("/data/out", "/data/pictures/a b#1.jpg");
        assert_eq!(url.as_deref(), Some("../pictures/a%20b%231.jpg"));
        assert_eq!(
            link("/data", "/data/刀.jpg").as_deref(),
            Some("%E5%88%80.jpg")
        );
        assert_eq!(link("other/data", "/mnt/a.jpg"), None);
    }
}
