//! The audit trail in the database.
//!
//! Invariants:
//! - A row is added in the very transaction of what it speaks of: neither is there without the other.
//! - The row of a decision holds the SHA-256 of the whole record as it was then ([`record_sha256`]), so a
//!   record that is changed later does not fit its row any more.

use crate::{
    reader::RecordsReader,
    records::SqliteRecords,
    row::{column, parsed},
    transaction,
};
use sqlx::{AssertSqlSafe, Row, SqliteConnection, sqlite::SqliteRow};
use std::sync::Arc;
use wiko_core::{
    audit::{
        AuditCategory, AuditEntry, AuditResult, AuditRow, AuditSource, GENESIS, PublicKey,
        RowSignature, STATION, Signature,
    },
    image::Sha256,
    ports::{Signer, StoreError},
    time::UnixMillis,
};

/// A record's columns that a decision fixes, as one text; what the screen said may still change while the
/// part is pending, and counts from the verdict on; the leading number is the version of this form.
///
/// `json_array` quotes texts and keeps integers, so no two records give the same text.
pub(crate) const RECORD: &str = "json_array(1, i.sequence, i.id, i.captured_at, i.facility, i.station, i.stage,
    i.product_sku, i.lot, i.serial, i.shift, i.operator, i.camera, i.frame_sequence, i.exposed_at,
    i.boot_id, i.monotonic_ms, i.image_sha256, i.image_size_bytes, i.image_width_px, i.image_height_px,
    i.image_format, i.verdict, i.undetermined_reason, i.detail, i.decided_at,
    iif(i.verdict = 'pending', NULL, i.screening), i.analysis,
    (SELECT json_group_array(json_array(call, operator, reason, decided_at) ORDER BY number)
     FROM operator_decision WHERE inspection = i.sequence))";

/// Adds a row to the trail, in the transaction that is open.
pub(crate) async fn append(
    connection: &mut SqliteConnection,
    signer: Option<&dyn Signer>,
    entry: &AuditEntry,
) -> Result<AuditRow, sqlx::Error> {
    let (last, previous) = head(connection)
        .await?
        .unwrap_or((0, Sha256::from(GENESIS)));
    let number = last + 1;
    let hash = entry.hash(number, &previous);
    let signature = signer.map(|signer| RowSignature {
        key: signer.public_key(),
        signature: signer.sign(hash.bytes()),
    });
    let key = match &signature {
        Some(signature) => Some(key_number(connection, &signature.key).await?),
        None => None,
    };
    sqlx::query(
        "INSERT INTO audit (number, at, source, category, identity, subject, result, detail, hash,
            signature, signing_key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(number)
    .bind(entry.at.0)
    .bind(entry.source.code())
    .bind(entry.category.code())
    .bind(&entry.identity)
    .bind(&entry.subject)
    .bind(entry.result.code())
    .bind(&entry.detail)
    .bind(hash.bytes().as_slice())
    .bind(signature.as_ref().map(|signed| signed.signature.0.to_vec()))
    .bind(key)
    .execute(&mut *connection)
    .await?;
    Ok(AuditRow {
        number,
        entry: entry.clone(),
        previous,
        hash,
        signature,
    })
}

async fn head(connection: &mut SqliteConnection) -> Result<Option<(i64, Sha256)>, sqlx::Error> {
    let row = sqlx::query("SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1")
        .fetch_optional(connection)
        .await?;
    row.map(|row| Ok((column(&row, "number")?, sha256(&row, "hash")?)))
        .transpose()
}

async fn key_number(
    connection: &mut SqliteConnection,
    key: &PublicKey,
) -> Result<i64, sqlx::Error> {
    sqlx::query("INSERT OR IGNORE INTO signing_key (public_key) VALUES (?)")
        .bind(key.0.as_slice())
        .execute(&mut *connection)
        .await?;
    sqlx::query_scalar("SELECT number FROM signing_key WHERE public_key = ?")
        .bind(key.0.as_slice())
        .fetch_one(connection)
        .await
}

/// The hash of a record as it stands in the open transaction.
async fn record_sha256(
    connection: &mut SqliteConnection,
    sequence: i64,
) -> Result<Sha256, sqlx::Error> {
    let record: String = sqlx::query_scalar(AssertSqlSafe(format!(
        "SELECT {RECORD} FROM inspection i WHERE i.sequence = ?"
    )))
    .bind(sequence)
    .fetch_one(connection)
    .await?;
    Ok(Sha256::of(record.as_bytes()))
}

/// What is said of a part, to be noted with the hash of its record.
pub(crate) struct Said<'a> {
    pub(crate) at: UnixMillis,
    pub(crate) category: AuditCategory,
    pub(crate) identity: &'a str,
    /// What was said, such as the verdict.
    pub(crate) what: &'a str,
}

/// Notes what was said of a part, with the hash of its record after it, in the open transaction.
pub(crate) async fn append_of_part(
    connection: &mut SqliteConnection,
    signer: Option<&dyn Signer>,
    sequence: i64,
    said: Said<'_>,
) -> Result<(), sqlx::Error> {
    let record = record_sha256(connection, sequence).await?;
    let row = sqlx::query("SELECT id, image_sha256, revision FROM inspection WHERE sequence = ?")
        .bind(sequence)
        .fetch_one(&mut *connection)
        .await?;
    let (id, image): (String, String) = (column(&row, "id")?, column(&row, "image_sha256")?);
    let revision: u32 = column(&row, "revision")?;
    let detail = serde_json::json!({
        "said": said.what,
        "revision": revision,
        "image_sha256": image,
        "record_sha256": record,
    });
    let entry = AuditEntry {
        at: said.at,
        // People give their word at the window alone.
        source: match said.category {
            AuditCategory::OperatorDecision => AuditSource::Window,
            _ => AuditSource::Station,
        },
        category: said.category,
        identity: said.identity.to_owned(),
        subject: Some(id),
        result: AuditResult::Done,
        detail: detail.to_string(),
    };
    let row = append(connection, signer, &entry).await?;
    sqlx::query("UPDATE inspection SET audit_number = ? WHERE sequence = ?")
        .bind(row.number)
        .bind(sequence)
        .execute(connection)
        .await?;
    Ok(())
}

impl SqliteRecords {
    /// Signs the rows of the trail from here on. Where the last signature is of another key, the change is
    /// a row of its own.
    pub async fn sign_with(
        &self,
        signer: Arc<dyn Signer>,
        at: UnixMillis,
    ) -> Result<(), StoreError> {
        let key = signer.public_key();
        {
            let mut writer = self.writer.lock().await;
            let last: Option<Vec<u8>> = sqlx::query_scalar(
                "SELECT public_key FROM signing_key WHERE number =
                    (SELECT signing_key FROM audit WHERE category = 'signing_key'
                     ORDER BY number DESC LIMIT 1)",
            )
            .fetch_optional(&mut *writer)
            .await
            .map_err(|error| self.row_write(&error))?;
            if last.as_deref() != Some(&key.0) {
                let entry = AuditEntry {
                    at,
                    source: AuditSource::Station,
                    category: AuditCategory::SigningKey,
                    identity: STATION.to_owned(),
                    subject: Some(key.to_string()),
                    result: AuditResult::Done,
                    detail: "rows are signed with this key from here on".to_owned(),
                };
                let noted = async {
                    let mut transaction = transaction::begin(&mut writer).await?;
                    append(&mut transaction, Some(&*signer), &entry).await?;
                    transaction.commit().await
                };
                noted.await.map_err(|error| self.row_write(&error))?;
            }
        }
        *self
            .signer
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(signer);
        Ok(())
    }

    /// True where rows of the trail bear a signature: there is a key somewhere that must not be replaced
    /// unseen.
    pub async fn has_signing_key(&self) -> Result<bool, StoreError> {
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM signing_key)")
            .fetch_one(&self.reader().pool)
            .await
            .map_err(|error| self.reader().failed(&error))
    }

    pub(crate) fn signer(&self) -> Option<Arc<dyn Signer>> {
        self.signer
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }

    /// See [`wiko_core::ports::Records::note`].
    pub(crate) async fn append_entry(&self, entry: &AuditEntry) -> Result<(), StoreError> {
        let signer = self.signer();
        let mut writer = self.writer.lock().await;
        let noted = async {
            let mut transaction = transaction::begin(&mut writer).await?;
            append(&mut transaction, signer.as_deref(), entry).await?;
            transaction.commit().await
        };
        noted.await.map_err(|error| self.row_write(&error))?;
        self.check_still_written()
    }
}

impl RecordsReader {
    /// Rows of the trail, newest first, from before `before`; without `decisions`, the verdicts are left out.
    pub async fn audit(
        &self,
        before: Option<i64>,
        decisions: bool,
        limit: u32,
    ) -> Result<Vec<AuditRow>, StoreError> {
        let narrowed = if decisions {
            ""
        } else {
            "AND a.category <> 'decision'"
        };
        let rows = sqlx::query(AssertSqlSafe(format!(
            "{SELECT_AUDIT} WHERE a.number < ? {narrowed} ORDER BY a.number DESC LIMIT ?"
        )))
        .bind(before.unwrap_or(i64::MAX))
        .bind(limit.clamp(1, 1000))
        .fetch_all(&self.pool)
        .await
        .map_err(|error| self.failed(&error))?;
        audit_rows(&rows)
    }

    /// The last row of a category on a subject.
    pub async fn last_of(
        &self,
        category: AuditCategory,
        subject: &str,
    ) -> Result<Option<AuditRow>, StoreError> {
        // Walks the index of events, which holds everything but the verdicts.
        let row = sqlx::query(AssertSqlSafe(format!(
            "{SELECT_AUDIT} WHERE a.category <> 'decision' AND a.category = ? AND a.subject = ?
             ORDER BY a.number DESC LIMIT 1"
        )))
        .bind(category.code())
        .bind(subject)
        .fetch_optional(&self.pool)
        .await
        .map_err(|error| self.failed(&error))?;
        Ok(audit_rows(row.as_slice())?.pop())
    }

    /// The last row of a category on each subject that begins with `prefix`, in the order of the subjects.
    pub async fn last_of_each(
        &self,
        category: AuditCategory,
        prefix: &str,
    ) -> Result<Vec<AuditRow>, StoreError> {
        let rows = sqlx::query(AssertSqlSafe(format!(
            "{SELECT_AUDIT} WHERE a.number IN (
                SELECT max(number) FROM audit
                WHERE category <> 'decision' AND category = ? AND substr(subject, 1, length(?)) = ?
                GROUP BY subject
             ) ORDER BY a.subject"
        )))
        .bind(category.code())
        .bind(prefix)
        .bind(prefix)
        .fetch_all(&self.pool)
        .await
        .map_err(|error| self.failed(&error))?;
        audit_rows(&rows)
    }
}

fn audit_rows(rows: &[SqliteRow]) -> Result<Vec<AuditRow>, StoreError> {
    let rows: Result<_, _> = rows.iter().map(audit_row).collect();
    rows.map_err(|reason| StoreError::Fault {
        reason: format!("the audit trail cannot be read: {reason}"),
    })
}

pub(crate) const SELECT_AUDIT: &str = "
    SELECT a.number, a.at, a.source, a.category, a.identity, a.subject, a.result, a.detail, a.hash,
           a.signature, k.public_key,
           (SELECT p.hash FROM audit p WHERE p.number = a.number - 1) AS previous
    FROM audit a LEFT JOIN signing_key k ON k.number = a.signing_key ";

/// A row of [`SELECT_AUDIT`]; the error says what of it cannot be read.
pub(crate) fn audit_row(row: &SqliteRow) -> Result<AuditRow, String> {
    let read = || -> Result<_, sqlx::Error> {
        let previous: Option<Vec<u8>> = row.try_get("previous")?;
        let signature: Option<Vec<u8>> = row.try_get("signature")?;
        let key: Option<Vec<u8>> = row.try_get("public_key")?;
        Ok((
            column::<i64>(row, "number")?,
            UnixMillis(column(row, "at")?),
            column::<String>(row, "source")?,
            column::<String>(row, "category")?,
            column::<String>(row, "identity")?,
            column::<Option<String>>(row, "subject")?,
            column::<String>(row, "result")?,
            column::<String>(row, "detail")?,
            sha256(row, "hash")?,
            previous,
            signature.zip(key),
        ))
    };
    let (number, at, source, category, identity, subject, result, detail, hash, previous, signed) =
        read().map_err(|error| error.to_string())?;
    let fixed =
        |bytes: Vec<u8>| <[u8; 32]>::try_from(bytes).map_err(|_| "a hash of another length");
    Ok(AuditRow {
        number,
        entry: AuditEntry {
            at,
            source: parsed(&source)?,
            category: parsed(&category)?,
            identity,
            subject,
            result: parsed(&result)?,
            detail,
        },
        previous: Sha256::from(previous.map_or(Ok(GENESIS), fixed)?),
        hash,
        signature: signed
            .map(|(signature, key)| {
                Ok::<_, String>(RowSignature {
                    key: PublicKey(fixed(key)?),
                    signature: Signature(
                        signature
                            .try_into()
                            .map_err(|_| "a signature of another length")?,
                    ),
                })
            })
            .transpose()?,
    })
}

/// A row as a record's own query gives it: one object of texts and numbers.
#[derive(serde::Deserialize)]
struct JsonRow {
    number: i64,
    at: i64,
    source: String,
    category: String,
    identity: String,
    subject: Option<String>,
    result: String,
    detail: String,
    hash: String,
    previous: Option<String>,
    /// Empty where the row is not signed.
    signature: String,
    public_key: String,
}

/// See [`JsonRow`]; the error says what of it cannot be read.
pub(crate) fn row_of_json(json: &str) -> Result<AuditRow, String> {
    let row: JsonRow =
        serde_json::from_str(json).map_err(|error| format!("its audit row: {error}"))?;
    let signature = if row.signature.is_empty() {
        None
    } else {
        Some(RowSignature {
            key: parsed(&row.public_key)?,
            signature: parsed(&row.signature)?,
        })
    };
    Ok(AuditRow {
        number: row.number,
        entry: AuditEntry {
            at: UnixMillis(row.at),
            source: parsed(&row.source)?,
            category: parsed(&row.category)?,
            identity: row.identity,
            subject: row.subject,
            result: parsed(&row.result)?,
            detail: row.detail,
        },
        previous: match row.previous {
            Some(previous) => parsed(&previous)?,
            None => Sha256::from(GENESIS),
        },
        hash: parsed(&row.hash)?,
        signature,
    })
}

fn sha256(row: &SqliteRow, name: &str) -> Result<Sha256, sqlx::Error> {
    let bytes: Vec<u8> = column(row, name)?;
    let bytes: [u8; 32] = bytes
        .try_into()
        .map_err(|_| sqlx::Error::Decode(format!("{name}: a hash of another length").into()))?;
    Ok(Sha256::from(bytes))
}
