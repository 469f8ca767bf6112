//! What the models can do, which differs from family to family.

use crate::vision::{TokenCounts, frame::ImageTier};
use wiko_core::analysis::Usage;

/// The model that is asked where nobody says otherwise.
pub const DEFAULT_MODEL_ID: &str = "us.anthropic.claude-opus-5";

/// How a reply is brought into the form of the schema. It is validated here in every case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonGuarantee {
    /// The tool is forced, and the service holds its input to the schema.
    StrictTool,
    /// The tool is forced; its input is what the model makes of the schema.
    ForcedTool,
    /// The model refuses forced tools: the schema is in the prompt, the reply is text.
    PromptOnly,
}

/// Millionths of a US dollar for a million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    input: u64,
    output: u64,
}

/// What one family of models can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// The family, as its id names it.
    pub family: &'static str,
    /// How a reply is brought into form.
    pub json: JsonGuarantee,
    /// Whether a temperature may be sent; the newer families answer one with an error.
    pub takes_temperature: bool,
    /// How large a picture it looks at.
    pub image_tier: ImageTier,
    /// What it costs.
    pub price: Price,
    /// Tokens below which a cache point is silently ignored.
    pub cache_floor_tokens: u64,
}

/// A model id with what it can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// The id as it is sent.
    pub id: String,
    /// What it can do.
    pub capabilities: Capabilities,
    /// False where the family is not in the table, and the careful row stands in.
    pub known: bool,
}

/// The model cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelRefused {
    /// It was withdrawn.
    #[error(
        "the model \"{id}\" was withdrawn by its maker and is refused as Legacy: set aws.bedrock_model_id to {DEFAULT_MODEL_ID}"
    )]
    Withdrawn {
        /// The id that was given.
        id: String,
    },
    /// It cannot be a model id.
    #[error(
        "\"{id}\" is not a Bedrock model id or ARN: letters, digits and - . _ : / only, such as {DEFAULT_MODEL_ID}"
    )]
    NotAnId {
        /// The id that was given.
        id: String,
    },
}

const fn price(input: u64, output: u64) -> Price {
    Price { input, output }
}

const fn family(
    family: &'static str,
    json: JsonGuarantee,
    image_tier: ImageTier,
    price: Price,
    cache_floor_tokens: u64,
) -> Capabilities {
    Capabilities {
        family,
        json,
        takes_temperature: matches!(json, JsonGuarantee::StrictTool),
        image_tier,
        price,
        cache_floor_tokens,
    }
}

use ImageTier::{High, Standard};
use JsonGuarantee::{ForcedTool, PromptOnly, StrictTool};

/// Prices of the `us.` inference profiles. A floor that is not published is taken as the highest known,
/// a price that is not published as that of the dearer sibling.
#[rustfmt::skip] // one family a line
const FAMILIES: [Capabilities; 9] = [
    family("claude-haiku-4-5", StrictTool, Standard, price(1_100_000, 5_500_000), 4096),
    family("claude-sonnet-4-6", StrictTool, Standard, price(3_300_000, 16_500_000), 4096),
    family("claude-opus-4-6", StrictTool, Standard, price(5_500_000, 27_500_000), 4096),
    family("claude-opus-4-8", ForcedTool, High, price(5_500_000, 27_500_000), 1024),
    family("claude-sonnet-5", ForcedTool, High, price(2_200_000, 11_000_000), 1024),
    family("claude-opus-5", ForcedTool, High, price(5_500_000, 27_500_000), 512),
    family("claude-opus-5-5", PromptOnly, High, price(4_400_000, 22_000_000), 4096),
    family("claude-sonnet-5-5", PromptOnly, High, price(4_400_000, 22_000_000), 4096),
    family("claude-fable-5-1", PromptOnly, High, price(11_000_000, 55_000_000), 4096),
];

/// What holds for a family that is not in the table: nothing is sent that any family refuses, the
/// picture is one that every family takes as it is, and the price is the dearest known.
const CAREFUL: Capabilities = family(
    "unknown",
    PromptOnly,
    Standard,
    price(11_000_000, 55_000_000),
    4096,
);

/// Families that Bedrock has withdrawn.
const WITHDRAWN: [&str; 2] = ["claude-opus-4-2025", "claude-sonnet-4-2025"];

/// Looks a model id up. Region prefixes (`us.`, `eu.`, `global.`) and versions do not matter; of two
/// families that fit, the longer name is meant.
pub fn lookup(id: &str) -> Result<Model, ModelRefused> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-._:/".contains(c);
    if id.is_empty() || !id.chars().all(fits) {
        return Err(ModelRefused::NotAnId { id: id.to_owned() });
    }
    if WITHDRAWN.iter().any(|withdrawn| id.contains(withdrawn)) {
        return Err(ModelRefused::Withdrawn { id: id.to_owned() });
    }
    let known = FAMILIES
        .into_iter()
        .filter(|row| names_family(id, row.family))
        .max_by_key(|row| row.family.len());
    Ok(Model {
        id: id.to_owned(),
        capabilities: known.unwrap_or(CAREFUL),
        known: known.is_some(),
    })
}

/// True where the id names the family, and not a later one that begins alike: after the family come
/// the end, a date of eight digits, or a version.
fn names_family(id: &str, family: &str) -> bool {
    let Some(at) = id.find(family) else {
        return false;
    };
    let rest = &id[at + family.len()..];
    let dated = rest
        .strip_prefix('-')
        .and_then(|rest| rest.get(..8))
        .is_some_and(|date| date.chars().all(|c| c.is_ascii_digit()));
    rest.is_empty() || rest.starts_with("-v") || rest.starts_with(':') || dated
}

impl Price {
    /// Counts and cost. Reading the cache costs a tenth of the input price, writing it a quarter more.
    pub fn usage(self, counts: TokenCounts, latency_ms: u64) -> Usage {
        let twentieths =
            counts.uncached_input * 20 + counts.cache_read * 2 + counts.cache_write * 25;
        let cost = u128::from(twentieths) * u128::from(self.input) / 20
            + u128::from(counts.output) * u128::from(self.output);
        Usage {
            input_tokens: counts.uncached_input + counts.cache_read + counts.cache_write,
            output_tokens: counts.output,
            cache_read_tokens: counts.cache_read,
            cost_micro_usd: u64::try_from(cost.div_ceil(1_000_000)).unwrap_or(u64::MAX),
            latency_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("us.anthropic.claude-opus-5", "claude-opus-5", ForcedTool, High)]
    #[case("eu.anthropic.claude-opus-5", "claude-opus-5", ForcedTool, High)]
    #[case("us.anthropic.claude-opus-5-5", "claude-opus-5-5", PromptOnly, High)]
    #[case(
        "us.anthropic.claude-haiku-4-5-20251001-v1:0",
        "claude-haiku-4-5",
        StrictTool,
        Standard
    )]
    #[case(
        "us.anthropic.claude-opus-4-6-v1",
        "claude-opus-4-6",
        StrictTool,
        Standard
    )]
    #[case("us.anthropic.claude-opus-4-8", "claude-opus-4-8", ForcedTool, High)]
    #[case(
        "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-5",
        "claude-sonnet-5",
        ForcedTool,
        High
    )]
    fn a_model_id_finds_its_family(
        #[case] id: &str,
        #[case] family: &str,
        #[case] json: JsonGuarantee,
        #[case] tier: ImageTier,
    ) {
        let model = lookup(id).unwrap();
        assert!(model.known);
        assert_eq!(model.capabilities.family, family);
        assert_eq!(model.capabilities.json, json);
        assert_eq!(model.capabilities.image_tier, tier);
    }

    #[rstest]
    #[case("us.anthropic.claude-opus-5-9")]
    #[case("us.anthropic.claude-nova-1")]
    #[case("amazon.nova-pro-v1:0")]
    fn a_family_that_is_not_in_the_table_gets_the_careful_row(#[case] id: &str) {
        let model = lookup(id).unwrap();
        assert!(!model.known);
        assert_eq!(model.capabilities, CAREFUL);
        assert!(!model.capabilities.takes_temperature);
    }

    #[test]
    fn a_withdrawn_model_is_refused_with_the_one_to_take_instead() {
        let refused = lookup("us.anthropic.claude-opus-4-20250514-v1:0").unwrap_err();
        assert!(refused.to_string().contains(DEFAULT_MODEL_ID), "{refused}");
    }

    #[test]
    fn what_cannot_be_a_model_id_is_refused() {
        for id in ["", "claude opus", "../../x?y", "claude\n"] {
            let refused = lookup(id).unwrap_err();
            assert!(matches!(refused, ModelRefused::NotAnId { .. }), "{id}");
        }
    }

    #[test]
    fn the_default_model_is_known_and_takes_a_forced_tool() {
        let model = lookup(DEFAULT_MODEL_ID).unwrap();
        assert!(model.known);
        assert_eq!(model.capabilities.json, ForcedTool);
    }

    #[test]
    fn a_full_hd_inspection_costs_what_the_price_list_says() {
        let counts = TokenCounts {
            uncached_input: 1500 + crate::vision::frame::image_tokens(1920, 1080),
            output: 400,
            ..TokenCounts::default()
        };
        let usage = lookup(DEFAULT_MODEL_ID)
            .unwrap()
            .capabilities
            .price
            .usage(counts, 7);
        assert_eq!(usage.cost_micro_usd, 34_051);
        assert_eq!(usage.latency_ms, 7);
    }

    #[test]
    fn tokens_read_from_the_cache_cost_a_tenth_and_written_ones_a_quarter_more() {
        let of = |counts| price(1_000_000, 0).usage(counts, 0);
        let read = TokenCounts {
            cache_read: 1000,
            ..TokenCounts::default()
        };
        let written = TokenCounts {
            cache_write: 1000,
            ..TokenCounts::default()
        };
        assert_eq!(of(read).cost_micro_usd, 100);
        assert_eq!(of(read).cache_read_tokens, 1000);
        assert_eq!(of(read).input_tokens, 1000);
        assert_eq!(of(written).cost_micro_usd, 1250);
    }
}
