//! A GigE Vision camera on a network interface of this machine, to try the station's cameras with.
//!
//!     cargo run -p wiko-aravis --example gige_camera -- --interface 127.0.0.1 --serial SIM1 --line-scan
//!
//! Aravis' fake camera keeps the registers and answers discovery and control; frames are sent from here, so that blocks
//! can be short, dropped, triggered and of any pixel format. It prints `ready` and runs until its input ends or it is
//! killed. What it is told on standard input, a line each: `silence` stops sending, `resume` goes on, `edge` is
//! one at its input line, `set NAME VALUE` writes a register of its own as another program would.

#![allow(clippy::print_stdout, reason = "it says when it is ready")]

mod gvsp;
mod registers;
mod scene;

use clap::Parser;
use registers::{Registers, Setup};
use scene::Scene;
use std::{
    error::Error,
    io::{BufRead, Write},
    net::Ipv4Addr,
    sync::{Arc, Mutex, PoisonError},
};
use wiko_aravis::{Aravis, FakeGigeCamera, LIBRARY};

#[derive(Parser)]
struct Arguments {
    /// Address of the interface to answer at.
    #[arg(long, default_value = "127.0.0.1")]
    interface: Ipv4Addr,
    #[arg(long, default_value = "SIM1")]
    serial: String,
    #[arg(long, default_value = "Wiko")]
    vendor: String,
    #[arg(long, default_value = "Simulated")]
    model: String,
    /// A line sensor: blocks of `Height` lines at `AcquisitionLineRate`.
    #[arg(long)]
    line_scan: bool,
    /// Pixels across and down of the sensor.
    #[arg(long, default_value_t = 8192)]
    sensor_width: u32,
    #[arg(long, default_value_t = 8192)]
    sensor_height: u32,
    #[arg(long, default_value_t = 640)]
    width: u32,
    #[arg(long, default_value_t = 480)]
    height: u32,
    /// Code of the pixel format at the start, whether it is known here or not; else Mono8.
    #[arg(long, default_value_t = registers::MONO_8)]
    format: u32,
    /// Frames a second of an area sensor at the start.
    #[arg(long, default_value_t = 30.0)]
    frame_rate: f64,
    /// `lines` stamps the line's number (64 bit, little endian) into each row, `ramp` shows grey wedges; else a picture.
    #[arg(long, default_value = "lines")]
    scene: String,
    /// The belt stops within every so-many-th block, which comes short.
    #[arg(long)]
    stop_after: Option<u64>,
    /// Rows of the short block.
    #[arg(long, default_value_t = 100)]
    short_block: u32,
    /// How long the belt stands.
    #[arg(long, default_value_t = 500)]
    stop_ms: u64,
    /// Every so-many-th block is never sent.
    #[arg(long)]
    drop_every: Option<u64>,
    /// A packet of every so-many-th block is never sent.
    #[arg(long)]
    tear_every: Option<u64>,
    /// Of every so-many-th block all comes but half of its last row.
    #[arg(long)]
    cut_every: Option<u64>,
    /// Of every so-many-th block half of its rows come, and the camera says that all do.
    #[arg(long)]
    shorten_every: Option<u64>,
    /// Every so-many-th block has twice as many rows as were set.
    #[arg(long)]
    oversize_every: Option<u64>,
    /// Every so-many-th block has no pixels at all.
    #[arg(long)]
    empty_every: Option<u64>,
    /// As if its cable were pulled out once a register has a value, such as `AcquisitionStart=1`: it aborts.
    #[arg(long)]
    vanish_when: Option<String>,
    /// The number of the first frame after each start, 1 to 65535.
    #[arg(long, default_value_t = 1)]
    first_id: u16,
    /// Features have the names that cameras gave them before SFNC 2: ExposureTimeAbs, GainRaw, AcquisitionFrameRateAbs.
    #[arg(long)]
    old_names: bool,
    /// The library to load.
    #[arg(long, default_value = LIBRARY)]
    library: String,
}

fn description(old_names: bool) -> String {
    let mut text = include_str!("camera.xml").to_owned();
    if old_names {
        for (name, old) in [
            ("ExposureTime", "ExposureTimeAbs"),
            ("Gain", "GainRaw"),
            ("AcquisitionFrameRate", "AcquisitionFrameRateAbs"),
            ("AcquisitionLineRate", "AcquisitionLineRateAbs"),
        ] {
            text = text
                .replace(&format!("\"{name}\""), &format!("\"{old}\""))
                .replace(&format!(">{name}<"), &format!(">{old}<"));
        }
    }
    text
}

/// Ends the process as soon as a register that had another value has this one.
fn vanish_when(registers: Arc<Registers>, address: u32, value: u32) {
    std::thread::spawn(move || {
        let mut before = value;
        loop {
            let now = registers.get(address);
            if now == value && before != value {
                // At once: nothing is let go of, as where a cable is pulled out.
                std::process::abort();
            }
            before = now;
            std::thread::sleep(std::time::Duration::from_micros(100));
        }
    });
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let scene = Scene::named(&arguments.scene)?;
    let aravis = Aravis::load(&arguments.library)?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("camera.xml");
    std::fs::write(&file, description(arguments.old_names))?;
    let camera = FakeGigeCamera::start(
        aravis,
        &arguments.interface.to_string(),
        &arguments.serial,
        &file,
    )?;
    let registers = Arc::new(Registers::new(
        camera,
        &Setup {
            vendor: &arguments.vendor,
            model: &arguments.model,
            serial: &arguments.serial,
            line_scan: arguments.line_scan,
            sensor_px: (arguments.sensor_width, arguments.sensor_height),
            size_px: (arguments.width, arguments.height),
            format: arguments.format,
            frame_rate_hz: arguments.frame_rate,
        },
    ));
    let silent = Arc::new(Mutex::new(false));
    let sender = gvsp::Sender {
        registers: Arc::clone(&registers),
        interface: arguments.interface,
        moves: arguments.line_scan || !matches!(scene, Scene::Picture(_)),
        scene,
        silent: Arc::clone(&silent),
        faults: gvsp::Faults {
            stop_after: arguments.stop_after,
            short_block: arguments.short_block,
            stop_ms: arguments.stop_ms,
            drop_every: arguments.drop_every,
            tear_every: arguments.tear_every,
            cut_every: arguments.cut_every,
            shorten_every: arguments.shorten_every,
            oversize_every: arguments.oversize_every,
            empty_every: arguments.empty_every,
        },
        first_id: arguments.first_id.max(1),
    };
    if let Some(when) = &arguments.vanish_when {
        let (name, value) = when.split_once('=').ok_or("vanish-when is NAME=VALUE")?;
        vanish_when(
            Arc::clone(&registers),
            registers::address(name)?,
            value.parse()?,
        );
    }
    std::thread::spawn(move || sender.run());
    println!("ready");
    std::io::stdout().flush()?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["silence" | "resume"] => {
                *silent.lock().unwrap_or_else(PoisonError::into_inner) = words == ["silence"];
            }
            ["edge"] => registers.edge(),
            ["set", name, value] => registers.set(name, value.parse()?)?,
            _ => return Err(format!("not understood: {line}").into()),
        }
        println!("done");
        std::io::stdout().flush()?;
    }
    Ok(())
}
