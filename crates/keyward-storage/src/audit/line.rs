//! A record as a line of an export: JSON that can be verified, or CSV that can be looked at.

use std::borrow::Cow;
use std::io::{self, Write};

use keyward_core::clock::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::hex::Hex;
use super::list::AuditRecord;

/// A text that is no line of an export.
#[derive(Debug, thiserror::Error)]
#[error("not a record of an audit log: {0}")]
pub struct InvalidLine(#[source] serde_json::Error);

/// All columns, in the order of the table.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    seq: i64,
    id: Uuid,
    created_at: Timestamp,
    #[serde(borrow)]
    action: Cow<'a, str>,
    #[serde(borrow)]
    result: Cow<'a, str>,
    #[serde(borrow)]
    service_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    token_key: Option<Cow<'a, str>>,
    #[serde(borrow)]
    user_email: Option<Cow<'a, str>>,
    #[serde(borrow)]
    client_id: Option<Cow<'a, str>>,
    request_id: Option<Uuid>,
    #[serde(borrow)]
    detail: Option<Cow<'a, str>>,
    #[serde(borrow)]
    prev_hash: Cow<'a, str>,
    #[serde(borrow)]
    hash: Cow<'a, str>,
}

const HEADS: &str = "seq,id,created_at,action,result,service_id,token_key,user_email,client_id,request_id,detail,\
                     prev_hash,hash\r\n";

impl AuditRecord {
    /// Writes it as a line of JSON, with its hashes.
    pub fn write_json(&self, mut out: impl Write) -> io::Result<()> {
        let text = |text: &'_ Option<String>| text.clone().map(Cow::Owned);
        let line = Line {
            seq: self.seq,
            id: self.id,
            created_at: self.created_at,
            action: Cow::Borrowed(&self.action),
            result: Cow::Borrowed(&self.result),
            service_id: text(&self.service_id),
            token_key: text(&self.token_key),
            user_email: text(&self.user_email),
            client_id: text(&self.client_id),
            request_id: self.request_id,
            detail: text(&self.detail),
            prev_hash: hex(&self.prev_hash).into(),
            hash: hex(&self.hash).into(),
        };
        serde_json::to_writer(&mut out, &line)?;
        out.write_all(b"\n")
    }

    /// Reads what [`write_json`](Self::write_json) wrote, with or without the line's end.
    pub fn parse_json(line: &[u8]) -> Result<Self, InvalidLine> {
        let line: Line<'_> = serde_json::from_slice(line).map_err(InvalidLine)?;
        let text = |text: Option<Cow<'_, str>>| text.map(Cow::into_owned);
        // What is no hash is the hash of nothing, and found so.
        let hash = |text: Cow<'_, str>| text.parse::<Hex<32>>().map_or(Vec::new(), |hash| hash.0.to_vec());
        Ok(Self {
            seq: line.seq,
            id: line.id,
            created_at: line.created_at,
            action: line.action.into_owned(),
            result: line.result.into_owned(),
            service_id: text(line.service_id),
            token_key: text(line.token_key),
            user_email: text(line.user_email),
            client_id: text(line.client_id),
            request_id: line.request_id,
            detail: text(line.detail),
            prev_hash: hash(line.prev_hash),
            hash: hash(line.hash),
        })
    }

    /// Writes the heads of the columns of [`write_csv`](Self::write_csv).
    pub fn write_csv_heads(mut out: impl Write) -> io::Result<()> {
        out.write_all(HEADS.as_bytes())
    }

    /// Writes it as a line of CSV (RFC 4180). Callers choose some of its texts, and programs for tables take a cell that
    /// begins with `=`, `+`, `-`, `@`, a tab or a line's end for a formula: such a cell gets a `'` in front.
    pub fn write_csv(&self, mut out: impl Write) -> io::Result<()> {
        let request_id = self.request_id.map(|id| id.to_string());
        let or_nothing = |text: &'_ Option<String>| text.clone().unwrap_or_default();
        let cells = [
            self.seq.to_string(),
            self.id.to_string(),
            self.created_at.to_string(),
            self.action.clone(),
            self.result.clone(),
            or_nothing(&self.service_id),
            or_nothing(&self.token_key),
            or_nothing(&self.user_email),
            or_nothing(&self.client_id),
            or_nothing(&request_id),
            or_nothing(&self.detail),
            hex(&self.prev_hash),
            hex(&self.hash),
        ];
        let line: Vec<String> = cells.iter().map(|cell| csv_cell(cell)).collect();
        out.write_all(line.join(",").as_bytes())?;
        out.write_all(b"\r\n")
    }
}

fn csv_cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    let text = if is_formula { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) };
    if text.contains([',', '"', '\r', '\n', '\t']) || is_formula {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.into_owned()
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(detail: &str) -> AuditRecord {
        AuditRecord {
            seq: 1,
            id: Uuid::nil(),
            created_at: Timestamp::from_seconds(0),
            action: "call".to_owned(),
            result: "ok".to_owned(),
            service_id: None,
            token_key: None,
            user_email: Some("a@example.com".to_owned()),
            client_id: None,
            request_id: None,
            detail: Some(detail.to_owned()),
            prev_hash: vec![0; 32],
            hash: vec![0xab; 32],
        }
    }

    #[test]
    fn a_line_of_json_is_read_back_to_the_byte() {
        for detail in ["", "{\"a\":1}", "ä\u{1f600}\u{2028}\"\\\n\u{1}", "{ \"spaces\" : true }"] {
            let mut line = Vec::new();
            record(detail).write_json(&mut line).expect("written");
            assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1, "one line");
            let read = AuditRecord::parse_json(&line).expect("read");
            assert_eq!(format!("{read:?}"), format!("{:?}", record(detail)));
        }
        assert!(AuditRecord::parse_json(b"{}").is_err());
    }

    #[test]
    fn a_cell_is_no_formula() {
        for (text, cell) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("two\r\nlines", "\"two\r\nlines\""),
            ("=1+1", "\"'=1+1\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("\t=1", "\"'\t=1\""),
            ("=HYPERLINK(\"http://x\",\"y\")", "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\""),
            ("", ""),
        ] {
            assert_eq!(csv_cell(text), cell);
        }
        let mut line = Vec::new();
        record("-x").write_csv(&mut line).expect("written");
        let line = String::from_utf8(line).expect("text");
        assert!(line.starts_with(
            "1,00000000-0000-0000-0000-000000000000,1970-01-01T00:00:00.000000Z,call,ok,,,a@example.com,,,\"'-x\",0000"
        ));
        assert!(line.ends_with("abab\r\n") && HEADS.split(',').count() == 13);
    }
}
