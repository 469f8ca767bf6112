//! Measures what an analysis by Claude costs this machine, for `make bench`: everything but waiting for the service.
//!
//! ```text
//! cargo run --example client_overhead -- PICTURE.jpg ROUNDS
//! ```
//!
//! Prints a line for each round, in milliseconds: `yardstick` decodes and encodes the same picture and does nothing
//! else; `prepare` makes the picture that is sent; `whole` is an analysis from the stored picture to the answer as it
//! is read, `details` one that shows four places from near as well. The server in this process answers at once, and
//! the time from the end of a request to its answer is not counted.
#![allow(clippy::print_stdout)]

use secrecy::SecretString;
use serde_json::{Value, json};
use std::{
    error::Error,
    hint::black_box,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use wiko_analyzer::{
    claude::{Claude, ClaudeSettings},
    vision::frame::{ImageTier, ShownPart},
};
use wiko_aws::{Aws, AwsAccessKey, AwsSettings};
use wiko_core::{
    defect::{DefectType, Severity},
    geometry::BoxPx,
    image::EncodedImage,
    ports::{AnalysisRequest, Analyzer, Backing, Language, SecretName, Secrets, SecretsError},
    spending::Meter,
};
use wiko_imaging::{JpegDecoder, JpegEncoder};
use wiko_testkit::builders;

/// Of the frame as a camera's, and of the yardstick's encoder.
const QUALITY: u8 = 85;

type Failure = Box<dyn Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, rounds] = &arguments[..] else {
        return Err("usage: client_overhead PICTURE.jpg ROUNDS".into());
    };
    let image = wiko_imaging::inspect(std::fs::read(path)?)?;
    let server = Server::start()?;
    let aws = Aws::new(AwsSettings::new("us-east-1"), Arc::new(AnyKey))?;
    let settings = ClaudeSettings {
        endpoint_url: Some(server.url.clone()),
        ..ClaudeSettings::default()
    };
    let claude = Claude::on_bedrock(&aws, settings)?;
    let (whole, details) = (request(&image, 0), request(&image, 4));
    // Connected, and every page touched.
    server.time_without(&claude, &details).await?;
    for _ in 0..rounds.parse()? {
        let yardstick = yardstick(&image)?;
        let begin = Instant::now();
        black_box(ShownPart::prepare(&image, ImageTier::High)?);
        let prepare = begin.elapsed();
        let whole = server.time_without(&claude, &whole).await?;
        let details = server.time_without(&claude, &details).await?;
        let [yardstick, prepare, whole, details] =
            [yardstick, prepare, whole, details].map(|time| time.as_secs_f64() * 1e3);
        println!(
            "yardstick {yardstick:.2} prepare {prepare:.2} whole {whole:.2} details {details:.2}"
        );
    }
    Ok(())
}

fn yardstick(image: &EncodedImage) -> Result<Duration, Failure> {
    let (mut decoder, mut encoder) = (JpegDecoder::new()?, JpegEncoder::new(QUALITY)?);
    let begin = Instant::now();
    let pixels = decoder.decode_rgb(image.bytes())?;
    black_box(encoder.encode(&pixels)?);
    Ok(begin.elapsed())
}

/// A part of which the local screen marked so many places.
fn request(image: &EncodedImage, marked: u32) -> AnalysisRequest {
    let facts = image.facts();
    let spot = |n: u32| {
        let box_px = BoxPx {
            x: facts.width_px / 5 * (n + 1),
            y: facts.height_px / 2,
            width: 60,
            height: 60,
        };
        builders::finding(DefectType::Unknown, Severity::Major, box_px)
    };
    let findings = (0..marked).map(spot).collect();
    AnalysisRequest {
        capture: builders::capture(1),
        image: image.clone(),
        language: Language::ZhCn,
        screening: (marked > 0).then(|| builders::defective(&facts, findings)),
        screen_fault: None,
        mm_per_px: None,
        meter: Meter::default(),
    }
}

/// Answers every request with a good reply, and counts how long it takes itself.
struct Server {
    url: String,
    answering_us: Arc<AtomicU64>,
}

impl Server {
    fn start() -> Result<Self, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", listener.local_addr()?);
        let answering_us = Arc::new(AtomicU64::new(0));
        let count = answering_us.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let count = count.clone();
                std::thread::spawn(move || serve(client, &count));
            }
        });
        Ok(Self { url, answering_us })
    }

    /// How long an analysis takes without the time that the server takes.
    async fn time_without(
        &self,
        claude: &Claude,
        request: &AnalysisRequest,
    ) -> Result<Duration, Failure> {
        self.answering_us.store(0, Ordering::SeqCst);
        let begin = Instant::now();
        let analysis = claude.analyze(request).await?;
        let took = begin.elapsed();
        if !analysis.complete || !analysis.findings.is_empty() {
            return Err("the answer was not read as it was given".into());
        }
        let answering = Duration::from_micros(self.answering_us.load(Ordering::SeqCst));
        Ok(took.saturating_sub(answering))
    }
}

/// One connection, to its end.
fn serve(mut client: TcpStream, answering_us: &AtomicU64) -> Result<(), std::io::Error> {
    client.set_nodelay(true)?;
    let mut from_client = BufReader::new(client.try_clone()?);
    loop {
        let (mut line, mut length) = (String::new(), 0);
        loop {
            line.clear();
            if from_client.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let told = line.trim().to_ascii_lowercase();
            if let Some(number) = told.strip_prefix("content-length:") {
                length = number.trim().parse().unwrap_or(0);
            }
            if told.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        from_client.read_exact(&mut body)?;
        let begin = Instant::now();
        let reply = reply(&body).unwrap_or_default();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            reply.len()
        );
        let answer = [head.as_bytes(), reply.as_bytes()].concat();
        let took_us = u64::try_from(begin.elapsed().as_micros()).unwrap_or(u64::MAX);
        answering_us.fetch_add(took_us, Ordering::SeqCst);
        client.write_all(&answer)?;
    }
}

/// A good reply to a request, in the form of Converse.
fn reply(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let system = body["system"][0]["text"].as_str()?;
    let text = body["messages"][0]["content"].as_array()?.last()?["text"].as_str()?;
    let token = text.split("Image token: ").nth(1)?.get(..8)?;
    let is_code = |code: &&str| {
        code.len() > 2
            && code
                .chars()
                .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
    };
    let checklist: Vec<Value> = system
        .lines()
        .filter_map(|line| line.strip_prefix("- ")?.split_once(": "))
        .map(|(code, _)| code)
        .filter(is_code)
        .map(|code| json!({"criterion": code, "result": "met"}))
        .collect();
    let input = json!({
        "image_token": token, "image_quality": {"usable": true, "reason": ""}, "part": "expected",
        "instruction_in_image": false, "checklist": checklist, "findings": [], "verdict": "good",
        "summary": "无缺陷",
    });
    let call =
        json!({"toolUse": {"toolUseId": "call_0", "name": "record_inspection", "input": input}});
    let reply = json!({
        "output": {"message": {"role": "assistant", "content": [call]}},
        "stopReason": "tool_use",
        "usage": {"inputTokens": 4191, "outputTokens": 400, "totalTokens": 4591},
        "metrics": {"latencyMs": 1},
    });
    Some(reply.to_string())
}

/// A key that signs and opens nothing.
struct AnyKey;

#[async_trait::async_trait]
impl Secrets for AnyKey {
    fn backing(&self) -> Backing {
        Backing::Memory
    }

    async fn get(&self, _: SecretName) -> Result<Option<SecretString>, SecretsError> {
        Ok(AwsAccessKey::new("AKIDBENCH", "bench")
            .ok()
            .map(|key| key.to_secret()))
    }

    async fn set(&self, _: SecretName, _: SecretString) -> Result<(), SecretsError> {
        Err(SecretsError::ReadOnly)
    }

    async fn clear(&self, _: SecretName) -> Result<(), SecretsError> {
        Err(SecretsError::ReadOnly)
    }
}
