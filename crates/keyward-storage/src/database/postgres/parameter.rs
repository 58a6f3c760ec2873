//! Values in PostgreSQL's binary form, by the type that the server wants or gives.

use std::error::Error;

use bytes::BytesMut;
use keyward_core::clock::{InvalidTimestamp, Timestamp};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;

use crate::error::{StorageError, WrongType};
use crate::value::Value;

/// Microseconds from the Unix epoch to 2000-01-01, where TIMESTAMPTZ begins.
const POSTGRES_EPOCH_MICROS: i64 = 946_684_800_000_000;

impl ToSql for Value {
    fn to_sql(&self, wanted: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match (self, wanted) {
            (Self::Null, _) => Ok(IsNull::Yes),
            (Self::Bool(value), &Type::BOOL) => value.to_sql(wanted, out),
            (Self::Int(value), &Type::INT8) => value.to_sql(wanted, out),
            (Self::Int(value), &Type::INT4) => i32::try_from(*value)?.to_sql(wanted, out),
            (Self::Int(value), &Type::INT2) => i16::try_from(*value)?.to_sql(wanted, out),
            (Self::Text(value), &Type::TEXT | &Type::VARCHAR | &Type::BPCHAR | &Type::NAME | &Type::UNKNOWN) => {
                value.to_sql(wanted, out)
            }
            (Self::Bytes(value), &Type::BYTEA) => value.to_sql(wanted, out),
            (Self::Time(value), &Type::TIMESTAMPTZ) => {
                value.as_micros().saturating_sub(POSTGRES_EPOCH_MICROS).to_sql(&Type::INT8, out)
            }
            (Self::Uuid(value), &Type::UUID) => value.to_sql(wanted, out),
            _ => Err(Box::new(WrongType { kind: self.kind(), wanted: wanted.name().to_owned() })),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl Value {
    /// As SQLite would keep it, given for a column of this type.
    pub(super) fn fit(self, wanted: &Type) -> Result<Self, StorageError> {
        let unfit = |_| StorageError::Value { reason: "a text is not what the type of its column wants" };
        Ok(match (self, wanted) {
            (Self::Text(text), &Type::TIMESTAMPTZ) => {
                Self::Time(text.parse().map_err(|_: InvalidTimestamp| ()).map_err(unfit)?)
            }
            (Self::Text(text), &Type::UUID) => Self::Uuid(text.parse().map_err(|_: uuid::Error| ()).map_err(unfit)?),
            (Self::Int(number), &Type::BOOL) => Self::Bool(number != 0),
            (value, _) => value,
        })
    }
}

/// A column as it comes back.
pub(super) struct Column(pub(super) Value);

impl<'a> FromSql<'a> for Column {
    fn from_sql(given: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(match *given {
            Type::BOOL => Value::Bool(bool::from_sql(given, raw)?),
            Type::INT8 => Value::Int(i64::from_sql(given, raw)?),
            Type::INT4 => Value::Int(i32::from_sql(given, raw)?.into()),
            Type::INT2 => Value::Int(i16::from_sql(given, raw)?.into()),
            Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN => {
                Value::Text(String::from_sql(given, raw)?)
            }
            Type::BYTEA => Value::Bytes(raw.to_vec()),
            Type::TIMESTAMPTZ => Value::Time(Timestamp::from_micros(
                i64::from_sql(&Type::INT8, raw)?.saturating_add(POSTGRES_EPOCH_MICROS),
            )),
            Type::UUID => Value::Uuid(Uuid::from_sql(given, raw)?),
            _ => return Err(Box::new(WrongType { kind: "none", wanted: given.name().to_owned() })),
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(Value::Null))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}
