//! The checklist of a reply: each criterion of the stage answered once.

use super::wire::{ChecklistEntry, CriterionResult};

/// What a part must be like at a stage, in the language of the prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Criterion {
    /// Its code, such as `BG1`; never used again for something else.
    pub code: String,
    /// What must be the case.
    pub text: String,
}

/// What a checklist comes to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Answers {
    pub(super) missing: Vec<String>,
    pub(super) violated: Vec<String>,
    pub(super) not_visible: Vec<String>,
}

/// Sorts the answers; refuses a code of no criterion, and two answers to one.
pub(super) fn sort_answers(
    entries: &[ChecklistEntry],
    criteria: &[Criterion],
) -> Result<Answers, String> {
    let mut answers = Answers::default();
    for entry in entries {
        let code = &entry.criterion;
        if !criteria.iter().any(|criterion| criterion.code == *code) {
            return Err(format!(
                "the checklist answers \"{code}\", which was not asked"
            ));
        }
        if entries
            .iter()
            .filter(|other| other.criterion == *code)
            .count()
            > 1
        {
            return Err(format!("the checklist answers {code} more than once"));
        }
        match entry.result {
            CriterionResult::Met => {}
            CriterionResult::Violated => answers.violated.push(code.clone()),
            CriterionResult::NotVisible => answers.not_visible.push(code.clone()),
        }
    }
    answers.missing = criteria
        .iter()
        .filter(|asked| !entries.iter().any(|entry| entry.criterion == asked.code))
        .map(|asked| asked.code.clone())
        .collect();
    Ok(answers)
}
