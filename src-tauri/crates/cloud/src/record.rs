//! One row to DynamoDB, never over a newer one.

use crate::item::{Item, Mark};
use aws_sdk_dynamodb::{
    Client,
    error::SdkError,
    operation::put_item::PutItemError,
    types::{
        AttributeValue, ConsumedCapacity, ReturnConsumedCapacity,
        ReturnValuesOnConditionCheckFailure,
    },
};
use std::collections::HashMap;
use wiko_aws::classify;
use wiko_core::{inspection::Inspection, ports::Hindered, queue::Obstacle, service::Service};

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
            // A reply has nothing in it otherwise, and any JSON object would do for one.
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        match sent {
            Ok(reply) => self.check_is_of_this_table(reply.consumed_capacity()),
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
            Err(error) => Err(classify(Service::Dynamodb, &self.name(), &error)),
        }
    }

    /// A reply that names the table comes from DynamoDB. One that does not comes from something in
    /// between, or from another service at the endpoint: nothing is known to be written.
    fn check_is_of_this_table(&self, charged: Option<&ConsumedCapacity>) -> Result<(), Hindered> {
        let charged = charged.and_then(ConsumedCapacity::table_name);
        if charged.is_some_and(|charged| bare(charged) == bare(&self.table)) {
            return Ok(());
        }
        Err(self.not_dynamodb())
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
        let same_picture = mark.image_sha256 == inspection.image.sha256;
        if same_picture && mark.revision >= inspection.revision {
            if mark.holds(inspection) {
                return Ok(());
            }
            return Err(self.needs_person(format!(
                "{id} is there at revision {} with another verdict or another call of a person, as it may be \
                 after a restore; it is not overwritten: compare the two, and note here what holds as a new call",
                mark.revision
            )));
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
            // It never holds, so whoever says that it did is not DynamoDB.
            Ok(_) => Err(self.not_dynamodb()),
            Err(SdkError::ServiceError(refused))
                if matches!(
                    refused.err(),
                    PutItemError::ConditionalCheckFailedException(_)
                ) =>
            {
                Ok(())
            }
            Err(error) => Err(classify(Service::Dynamodb, &self.name(), &error)),
        }
    }

    fn name(&self) -> String {
        format!("DynamoDB table {}", self.table)
    }

    fn not_dynamodb(&self) -> Hindered {
        Hindered {
            service: Some(Service::Dynamodb),
            obstacle: Obstacle::Transient,
            reason: format!(
                "{}: the answer is not DynamoDB's; tried again by itself. If it stays so, check \
                 aws.dynamodb_endpoint, and look for a proxy or a sign-in page between the station and \
                 the internet",
                self.name()
            ),
            retry_after: None,
        }
    }

    fn needs_person(&self, reason: String) -> Hindered {
        Hindered {
            service: None,
            obstacle: Obstacle::NeedsPerson,
            reason: format!("{}: {reason}", self.name()),
            retry_after: None,
        }
    }
}

/// The name of a table that may be given as its ARN, `arn:aws:dynamodb:REGION:ACCOUNT:table/NAME`.
fn bare(table: &str) -> &str {
    table.rsplit('/').next().unwrap_or(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_the_same_by_its_name_and_by_its_arn() {
        let arn = "arn:aws:dynamodb:ap-east-1:123456789012:table/wiko-defects";
        assert_eq!(bare(arn), "wiko-defects");
        assert_eq!(bare("wiko-defects"), "wiko-defects");
        assert_ne!(bare(arn), bare("wiko-defects-test"));
    }
}
