//! Images to S3, then results to DynamoDB, each verified.
