//! Repeatable randomness and texture: the same seed gives the same pixels.

/// SplitMix64: small, fast, and good enough for pictures.
#[derive(Debug, Clone)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64, salt: u64) -> Self {
        let mut rng = Self(seed ^ salt.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        rng.next();
        rng
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 24) as f32
    }

    pub(crate) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    pub(crate) fn below(&mut self, count: usize) -> usize {
        (self.next() % count.max(1) as u64) as usize
    }
}

fn lattice(x: i32, y: i32, seed: u32) -> f32 {
    let mut mixed = (x as u32)
        .wrapping_mul(0x85eb_ca6b)
        .wrapping_add((y as u32).wrapping_mul(0xc2b2_ae35))
        .wrapping_add(seed.wrapping_mul(0x27d4_eb2f));
    mixed = (mixed ^ (mixed >> 15)).wrapping_mul(0x2c1b_3c6d);
    mixed = (mixed ^ (mixed >> 12)).wrapping_mul(0x297a_2d39);
    mixed ^= mixed >> 15;
    mixed as f32 / (u32::MAX as f32 / 2.0) - 1.0
}

/// Smooth noise from -1 to 1, its cells one unit wide.
pub(crate) fn value(x: f32, y: f32, seed: u32) -> f32 {
    let (left, top) = (x.floor(), y.floor());
    let (fx, fy) = (x - left, y - top);
    let (sx, sy) = (fx * fx * (3.0 - 2.0 * fx), fy * fy * (3.0 - 2.0 * fy));
    let (column, row) = (left as i32, top as i32);
    let upper = mix(
        lattice(column, row, seed),
        lattice(column + 1, row, seed),
        sx,
    );
    let lower = mix(
        lattice(column, row + 1, seed),
        lattice(column + 1, row + 1, seed),
        sx,
    );
    mix(upper, lower, sy)
}

/// Three octaves of [`value`].
pub(crate) fn cloud(x: f32, y: f32, seed: u32) -> f32 {
    value(x, y, seed) * 0.57
        + value(x * 2.1, y * 2.1, seed ^ 0x51) * 0.29
        + value(x * 4.3, y * 4.3, seed ^ 0xa7) * 0.14
}

pub(crate) fn mix(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}

pub(crate) fn smoothstep(from: f32, to: f32, x: f32) -> f32 {
    let t = ((x - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

pub(crate) fn bell(x: f32, center: f32, width: f32) -> f32 {
    let t = (x - center) / width;
    (-t * t).exp()
}
