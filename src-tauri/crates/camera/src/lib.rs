//! Cameras behind the port: replay of pictures and the simulated line.
