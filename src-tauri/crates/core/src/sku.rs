//! Product SKUs. The list is configuration; the form is fixed, because a SKU is part of a key in S3.

use crate::UnknownCode;
use std::fmt;

/// A product's stock keeping unit, such as `WK-KN-200`.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct ProductSku(String);

impl ProductSku {
    /// Takes 1 to 32 of `A-Z 0-9 -`.
    pub fn new(given: impl Into<String>) -> Result<Self, NotASku> {
        let given = given.into();
        let fits = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-';
        if (1..=32).contains(&given.len()) && given.chars().all(fits) {
            Ok(Self(given))
        } else {
            Err(NotASku { given })
        }
    }

    /// The SKU as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProductSku {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<String> for ProductSku {
    type Error = NotASku;

    fn try_from(given: String) -> Result<Self, Self::Error> {
        Self::new(given)
    }
}

impl From<ProductSku> for String {
    fn from(sku: ProductSku) -> Self {
        sku.0
    }
}

/// The text has not the form of a SKU.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{given}\" is not a product SKU: 1 to 32 of A-Z, 0-9 and -")]
pub struct NotASku {
    /// What was given.
    pub given: String,
}

/// The SKUs that this station makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkuCatalog(Vec<ProductSku>);

impl SkuCatalog {
    /// The list in the order in which it is offered.
    pub fn new(skus: Vec<ProductSku>) -> Self {
        Self(skus)
    }

    /// All of them.
    pub fn all(&self) -> &[ProductSku] {
        &self.0
    }

    /// The SKU of that text, where it is in the list.
    pub fn find(&self, given: &str) -> Result<&ProductSku, UnknownCode> {
        self.0
            .iter()
            .find(|sku| sku.as_str() == given)
            .ok_or_else(|| UnknownCode {
                what: "product SKU",
                given: given.to_owned(),
                known: self
                    .0
                    .iter()
                    .map(ProductSku::as_str)
                    .collect::<Vec<_>>()
                    .join(", "),
            })
    }
}

impl Default for SkuCatalog {
    /// What the factory makes today: chef's knives of 8, 6 and 4 inches, kitchen scissors, cast iron
    /// pan and wok.
    fn default() -> Self {
        let skus = [
            "WK-KN-200",
            "WK-KN-150",
            "WK-KN-100",
            "WK-SC-200",
            "WK-CI-200",
            "WK-CI-280",
        ];
        Self(
            skus.into_iter()
                .map(|sku| ProductSku(sku.to_owned()))
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_sku_lists_the_known_and_a_path_is_no_sku() {
        let error = SkuCatalog::default().find("WK-KN-999").unwrap_err();
        assert!(error.to_string().contains("WK-KN-200, WK-KN-150"));
        assert!(ProductSku::new("../../etc").is_err());
        assert!(ProductSku::new("").is_err());
    }
}
