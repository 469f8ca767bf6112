//! Claude and Azure OpenAI over real HTTP, against the stand-in for both and a second opinion on it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

mod azure;
mod claude;
mod recipes;
mod second_opinion;
mod shown;
mod standin;
