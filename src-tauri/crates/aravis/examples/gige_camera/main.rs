//! A GigE Vision camera on a network interface of this machine, to try the station's cameras with.
//!
//!     cargo run -p wiko-aravis --example gige_camera -- --interface 127.0.0.1 --serial SIM1 --line-scan
//!
//! Aravis' fake camera keeps the registers and answers discovery and control; frames are sent from here, so that blocks
//! can be short, dropped, triggered and of any pixel format. It prints `ready` and runs until its input ends or it is
//! killed. What it is told on standard input, a line each: `silence` stops sending, `resume` goes on, `set NAME VALUE`
//! writes a register of its own as another program would.

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
        },
        first_id: arguments.first_id.max(1),
    };
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
            ["set", name, value] => registers.set(name, value.parse()?)?,
            _ => return Err(format!("not understood: {line}").into()),
        }
        println!("done");
        std::io::stdout().flush()?;
    }
    Ok(())
}
