//! One row to DynamoDB, never over a newer one.

use crate::item::{Item, Mark};
use aws_sdk_dynamodb::{
    Client,
    error::SdkError,
    operation::put_item::PutItemError,
    types::{AttributeValue, ReturnValuesOnConditionCheckFailure},
};
use std::collections::HashMap;
use wiko_aws::classify;
use wiko_core::{inspection::Inspection, ports::Hindered, queue::Obstacle};

type Row = HashMap<String, AttributeValue>;

pub(crate) struct Rows {
    pub(crate) client: Client,
    pub(crate) table: String,
}

impl Rows {
    /// Puts the row of this revision there, or finds that it or a newer one is there already.
    pub(crate) async fn put(&self, inspection: &Inspection, item: &Item) -> Result<(), Hindered> {
        let row: Row = serde_dynamo::to_item(item).map_err(|error| {
            self.needs_person(format!("the record cannot be written as an item ({error})"))
        })?;
        let sent = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(row))
            .condition_expression("attribute_not_exists(defect_id) OR #revision < :revision")
            .expression_attribute_names("#revision", "revision")
            .expression_attribute_values(
                ":revision",
                AttributeValue::N(inspection.revision.to_string()),
            )
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            Err(SdkError::ServiceError(refused))
                if matches!(
                    refused.err(),
                    PutItemError::ConditionalCheckFailedException(_)
                ) =>
            {
                let there = match refused.into_err() {
                    PutItemError::ConditionalCheckFailedException(there) => there.item,
                    _ => None,
                };
                self.verify(inspection, there)
            }
            Err(error) => Err(classify(&self.name(), &error)),
        }
    }

    /// Compares with what lies there: probably this station's own row, whose reply was lost.
    fn verify(&self, inspection: &Inspection, there: Option<Row>) -> Result<(), Hindered> {
        let id = inspection.capture.id;
        let mark: Mark = there
            .and_then(|row| serde_dynamo::from_item(row).ok())
            .ok_or_else(|| {
                self.needs_person(format!(
                    "{id} is there in a form that this station did not write; it is not overwritten: \
                     find out who wrote it"
                ))
            })?;
        if mark.image_sha256 == inspection.image.sha256 && mark.revision >= inspection.revision {
            return Ok(());
        }
        Err(self.needs_person(format!(
            "{id} is there with another picture (revision {}, SHA-256 {}; here revision {}, {}); it is not \
             overwritten: find out which one belongs to the part",
            mark.revision, mark.image_sha256, inspection.revision, inspection.image.sha256
        )))
    }

    /// Asks for a row that cannot be written: a put whose condition never holds needs no more than the
    /// right to put, and changes nothing.
    pub(crate) async fn reach(&self) -> Result<(), Hindered> {
        let asked = self
            .client
            .put_item()
            .table_name(&self.table)
            .item("defect_id", AttributeValue::S("reach".to_owned()))
            .item("timestamp", AttributeValue::N("0".to_owned()))
            .condition_expression("attribute_exists(defect_id) AND attribute_not_exists(defect_id)")
            .send()
            .await;
        match asked {
            Ok(_) => Ok(()),
            Err(SdkError::ServiceError(refused))
                if matches!(
                    refused.err(),
                    PutItemError::ConditionalCheckFailedException(_)
                ) =>
            {
                Ok(())
            }
            Err(error) => Err(classify(&self.name(), &error)),
        }
    }

    fn name(&self) -> String {
        format!("DynamoDB table {}", self.table)
    }

    fn needs_person(&self, reason: String) -> Hindered {
        Hindered {
            obstacle: Obstacle::NeedsPerson,
            reason: format!("{}: {reason}", self.name()),
            retry_after: None,
        }
    }
}
