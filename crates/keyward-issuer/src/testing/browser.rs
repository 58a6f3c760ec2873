//! A browser for tests: it keeps cookies, follows nothing, and fills in the hidden fields of the page that it saw last.

use std::collections::BTreeMap;
use std::net::IpAddr;

use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt;
use keyward_core::peer::ClientAddress;
use tower::ServiceExt;
use url::form_urlencoded;

/// A browser.
#[derive(Clone, Debug)]
pub struct Browser {
    /// What it sees.
    pub router: Router,
    /// Its cookies.
    pub cookies: BTreeMap<String, String>,
    /// Where it is.
    pub address: IpAddr,
    hidden: Vec<(String, String)>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its text.
    pub body: String,
}

impl Answer {
    /// A header; empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The text of the element with `role=alert`.
    pub fn alert(&self) -> &str {
        let after = self.body.split("role=\"alert\"").nth(1).and_then(|rest| rest.split_once('>'));
        after.and_then(|(_, rest)| rest.split('<').next()).unwrap_or_default()
    }
}

impl Browser {
    /// One without cookies.
    pub fn new(router: Router) -> Self {
        Self { router, cookies: BTreeMap::new(), address: IpAddr::from([192, 0, 2, 1]), hidden: Vec::new() }
    }

    /// Opens a page and remembers its hidden fields.
    pub async fn get(&mut self, path: &str) -> Answer {
        let answer = self.send(Request::get(path), String::new()).await;
        self.hidden = hidden_fields(&answer.body);
        answer
    }

    /// Sends the form of the page that was seen last, with these fields filled in.
    pub async fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let hidden = self.hidden.clone();
        let hidden = hidden.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let all: Vec<_> = hidden.chain(fields.iter().copied()).collect();
        self.post(path, &all).await
    }

    /// Sends exactly these fields, as a page of the same origin would.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let site = [("sec-fetch-site", "same-origin"), ("origin", "null")];
        self.post_with(path, fields, &site).await
    }

    /// Sends exactly these fields, with these headers.
    pub async fn post_with(&mut self, path: &str, fields: &[(&str, &str)], headers: &[(&str, &str)]) -> Answer {
        let body: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let mut request = Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request, body).await
    }

    /// The cookies that it would send.
    pub fn cookie_header(&self) -> HeaderMap {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        HeaderMap::from_iter([(header::COOKIE, cookies.join("; ").parse().expect("ASCII"))])
    }

    async fn send(&mut self, request: http::request::Builder, body: String) -> Answer {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = request.header(header::USER_AGENT, "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0");
        if !cookies.is_empty() {
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        let request = request.extension(ClientAddress(self.address)).body(Body::from(body)).expect("request");
        let response = self.router.clone().oneshot(request).await.expect("infallible");
        let (parts, body) = response.into_parts();
        for cookie in parts.headers.get_all(header::SET_COOKIE) {
            let text = cookie.to_str().expect("ASCII");
            let (name, rest) = text.split_once('=').expect("name");
            let value = rest.split(';').next().unwrap_or_default();
            if text.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let body = body.collect().await.expect("body").to_bytes();
        let body = String::from_utf8(body.to_vec()).expect("UTF-8");
        Answer { status: parts.status, headers: parts.headers, body }
    }
}

fn hidden_fields(page: &str) -> Vec<(String, String)> {
    let inputs = page.split("<input type=\"hidden\" ").skip(1);
    let attribute = |tag: &str, name: &str| {
        let rest = tag.split(&format!("{name}=\"")).nth(1)?;
        Some(rest.split('"').next()?.replace("&amp;", "&").replace("&quot;", "\""))
    };
    inputs.filter_map(|tag| Some((attribute(tag, "name")?, attribute(tag, "value")?))).collect()
}
