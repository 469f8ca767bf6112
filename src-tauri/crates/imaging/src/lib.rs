//! Pictures as bytes and pixels: probe, decode, encode, resize, annotate.
