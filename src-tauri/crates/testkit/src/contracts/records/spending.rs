//! What is noted of the calls of models.

use super::{captured, later};
use crate::builders::capture;
use wiko_core::{
    analysis::{Provider, Usage},
    ports::{Records, StoreError},
    spending::{Call, Purpose, Spending},
};

fn call(provider: Provider, model: &str, purpose: Purpose, cost_micro_usd: u64) -> Call {
    Call {
        provider,
        model: model.into(),
        purpose,
        usage: Usage {
            input_tokens: 1000,
            output_tokens: 100,
            cache_read_tokens: 10,
            cost_micro_usd,
            latency_ms: 5000,
        },
    }
}

/// Calls are read back in their order, and a span of time sums up those of its own.
pub async fn the_calls_of_models_are_kept_and_summed_up_by_time(records: &dyn Records) {
    let (one, two) = (captured(records, 1).await, captured(records, 2).await);
    let first = [
        call(Provider::Claude, "opus", Purpose::Look, 30_000),
        call(Provider::Claude, "opus", Purpose::Cause, 20_000),
    ];
    let second = [call(Provider::Azure, "gpt", Purpose::Look, 90_000)];
    records.spent(one, &first, later(10)).await.unwrap();
    records.spent(two, &second, later(20)).await.unwrap();
    records.spent(two, &[], later(21)).await.unwrap();
    assert_eq!(records.calls(one).await.unwrap(), first);
    assert_eq!(records.calls(two).await.unwrap(), second);

    let all = records.spending(later(10), later(21)).await.unwrap();
    assert_eq!((all.parts, all.cost_micro_usd()), (2, 140_000));
    let models: Vec<_> = all
        .models
        .iter()
        .map(|model| (&*model.model, model.calls))
        .collect();
    assert_eq!(models, [("gpt", 1), ("opus", 2)]);
    assert_eq!(all.models[1].usage.input_tokens, 2000);
    assert_eq!(all.models[1].parts, 1);
    let before = records.spending(later(10), later(20)).await.unwrap();
    assert_eq!(before.cost_micro_usd(), 50_000);
    let none = records.spending(later(21), later(99)).await.unwrap();
    assert_eq!(none, Spending::default());

    let nobody = capture(9).id;
    let refused = records.spent(nobody, &second, later(30)).await;
    assert_eq!(refused, Err(StoreError::NotFound { id: nobody }));
    assert_eq!(records.calls(nobody).await.unwrap(), []);
}
