//! The path of one part: capture, screen, analyse, decide, upload.
