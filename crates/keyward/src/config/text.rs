//! Values that are written as a string with a form of their own: durations, sizes, URLs, names.

mod credential;
mod duration;
mod folder;
mod name;
mod network;
mod openbao;
mod secret;
mod size;
mod storage;
mod url;

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(crate) use credential::CredentialFormat;
pub(crate) use duration::Period;
pub(crate) use folder::FolderPath;
pub(crate) use name::{EnvironmentName, LogFilter, Path};
pub(crate) use network::{AddressRange, HostName, Listen, Origin};
pub(crate) use openbao::OpenBaoPath;
pub(crate) use secret::SecretPlace;
pub(crate) use size::Size;
pub(crate) use storage::StorageUrl;
pub(crate) use url::{IssuerUrl, PublicUrl, SiteUrl, UpstreamUrl};

/// A value with a text form.
pub(crate) trait TextValue: Sized {
    /// The name of the form in the JSON Schema (`format`).
    const FORMAT: &'static str;
    /// What it is, with its article: `a duration`.
    const NOUN: &'static str;
    /// One that is right.
    const EXAMPLE: &'static str;

    /// Reads it; the error says what is wrong with the text, as the rest of a sentence that begins with the noun.
    fn parse(text: &str) -> Result<Self, String>;

    /// Its text, for defaults in the JSON Schema.
    fn to_text(&self) -> String;
}

/// A configuration value that is written as a string of the form of `T`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Text<T>(pub(crate) T);

impl<T: TextValue> Text<T> {
    /// A default of the program, whose form is known to be right.
    pub(crate) fn of(value: T) -> Self {
        Self(value)
    }
}

impl<T: TextValue> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_text())
    }
}

impl<'de, T: TextValue> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::parse(&String::deserialize(deserializer)?).map(Self).map_err(serde::de::Error::custom)
    }
}

impl<T: TextValue> JsonSchema for Text<T> {
    fn schema_name() -> Cow<'static, str> {
        T::FORMAT.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": T::FORMAT, "examples": [T::EXAMPLE] })
    }

    fn inline_schema() -> bool {
        true
    }
}

/// One form, without its type, so that a schema's `format` finds its rule.
pub(crate) struct Form {
    pub(crate) format: &'static str,
    pub(crate) noun: &'static str,
    pub(crate) example: &'static str,
    pub(crate) check: fn(&str) -> Result<(), String>,
}

const fn form<T: TextValue>() -> Form {
    Form { format: T::FORMAT, noun: T::NOUN, example: T::EXAMPLE, check: |text| T::parse(text).map(drop) }
}

/// Every form there is.
pub(crate) const FORMS: &[Form] = &[
    form::<Period>(),
    form::<Size>(),
    form::<Listen>(),
    form::<Origin>(),
    form::<HostName>(),
    form::<AddressRange>(),
    form::<PublicUrl>(),
    form::<UpstreamUrl>(),
    form::<IssuerUrl>(),
    form::<SiteUrl>(),
    form::<keyward_core::resource::ResourceUri>(),
    form::<StorageUrl>(),
    form::<FolderPath>(),
    form::<OpenBaoPath>(),
    form::<CredentialFormat>(),
    form::<EnvironmentName>(),
    form::<LogFilter>(),
    form::<Path>(),
    form::<keyward_core::id::ServerId>(),
    form::<keyward_core::id::ConnectionId>(),
    form::<SecretPlace>(),
    form::<keyward_core::scope::Scope>(),
    form::<http::HeaderName>(),
    form::<keyward_vault::TokenName>(),
    form::<name::ToolPattern>(),
    form::<keyward_resource::ClaimPath>(),
];

pub(crate) use name::ToolPattern;
