//! A browser without eyes: cookies, forms and redirects, for tests that need a person but no rendering.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use url::Url;

use crate::http::{Request, Response};

/// A person's browser, as far as Keyward can tell.
#[derive(Clone, Debug)]
pub struct Browser {
    address: SocketAddr,
    origin: Url,
    cookies: BTreeMap<String, String>,
}

/// A form of a page.
#[derive(Clone, Debug)]
pub struct Form {
    /// Where it goes.
    pub action: String,
    /// The fields that have a value already, such as hidden ones.
    pub fields: Vec<(String, String)>,
}

impl Form {
    /// Fills in a field.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.retain(|(own, _)| own != name);
        self.fields.push((name.into(), value.into()));
        self
    }
}

impl Browser {
    /// A browser without any cookie, for the pages of `origin` at `address`.
    pub fn new(address: SocketAddr, origin: &str) -> Result<Self> {
        Ok(Self { address, origin: Url::parse(origin)?, cookies: BTreeMap::new() })
    }

    /// The cookies it keeps.
    pub fn cookies(&self) -> &BTreeMap<String, String> {
        &self.cookies
    }

    /// Goes to an address.
    pub fn get(&mut self, address: &str) -> Result<Response> {
        let request = Request::get(&self.target(address)?);
        self.send(request.header("Sec-Fetch-Site", "none").header("Sec-Fetch-Mode", "navigate"))
    }

    /// Sends a form, as its page does.
    pub fn submit(&mut self, form: &Form) -> Result<Response> {
        let fields: Vec<(&str, &str)> =
            form.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let request = Request::form(&self.target(&form.action)?, &fields);
        let origin = self.origin.origin().ascii_serialization();
        self.send(request.header("Origin", &origin).header("Sec-Fetch-Site", "same-origin"))
    }

    /// Follows redirects on this origin; the answer is the first that is none, or that leads elsewhere.
    pub fn follow(&mut self, mut response: Response) -> Result<Response> {
        for _ in 0..10 {
            let Some(location) = response.header("location") else { return Ok(response) };
            let next = self.origin.join(&location)?;
            if next.origin() != self.origin.origin() {
                return Ok(response);
            }
            response = self.get(next.as_str())?;
        }
        anyhow::bail!("more than ten redirects")
    }

    fn send(&mut self, mut request: Request) -> Result<Response> {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            request = request.header("Cookie", &cookies.join("; "));
        }
        let response = request.send(self.address)?;
        for cookie in response.headers("set-cookie") {
            let (name, value) = cookie.split(';').next().and_then(|pair| pair.split_once('=')).context("no cookie")?;
            let gone = value.is_empty() || cookie.to_ascii_lowercase().contains("max-age=0");
            if gone {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.into(), value.into());
            }
        }
        Ok(response)
    }

    fn target(&self, address: &str) -> Result<String> {
        let url = self.origin.join(address)?;
        ensure!(url.origin() == self.origin.origin(), "{address} is not on {}", self.origin);
        Ok(url[url::Position::BeforePath..url::Position::AfterQuery].to_owned())
    }
}

/// The form of a page that has a field of this name.
pub fn form_with(page: &Response, field: &str) -> Result<Form> {
    let html = page.text();
    let forms = html.split("<form").skip(1).map(|rest| rest.split("</form").next().unwrap_or_default());
    for form in forms {
        let (opening, content) = form.split_once('>').context("a form without an end")?;
        let fields = tags(content, &["input", "button"]);
        if !fields.iter().any(|tag| tag.get("name").is_some_and(|name| name == field)) {
            continue;
        }
        let inputs = tags(content, &["input"]).into_iter();
        let valued = inputs.filter_map(|tag| Some((tag.get("name")?.clone(), tag.get("value")?.clone())));
        let action = attributes(opening).get("action").cloned().unwrap_or_default();
        return Ok(Form { action, fields: valued.collect() });
    }
    anyhow::bail!("{}: no form has a field {field}: {html}", page.status)
}

/// The text of the page's alert, if it has one.
pub fn alert(page: &Response) -> Option<String> {
    let html = page.text();
    let (_, from) = html.split_once("role=\"alert\"")?;
    let (text, _) = from.split_once('>')?.1.split_once("</")?;
    Some(unescaped(text.rsplit('>').next().unwrap_or(text)))
}

fn tags(html: &str, names: &[&str]) -> Vec<BTreeMap<String, String>> {
    let opened = html.split('<').skip(1).filter_map(|rest| rest.split_once('>').map(|(tag, _)| tag));
    let wanted = opened.filter(|tag| names.iter().any(|name| tag.split_whitespace().next() == Some(name)));
    wanted.map(attributes).collect()
}

/// The attributes in a tag, whose values are in double quotes in all pages of Keyward.
fn attributes(tag: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut rest = tag;
    while let Some((before, after)) = rest.split_once("=\"") {
        let Some((value, next)) = after.split_once('"') else { break };
        let name = before.split_whitespace().last().unwrap_or_default();
        found.insert(name.to_owned(), unescaped(value));
        rest = next;
    }
    found
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_form_and_its_hidden_fields() {
        let html = "<form action=\"/a\"><input name=\"x\" value=\"1\"></form>\
            <form method=\"post\" action=\"/b?c=1&amp;d=2\"><input type=\"hidden\" name=\"csrf\" value=\"t\">\
            <button name=\"decision\" value=\"allow\" type=\"submit\">Allow</button></form>";
        let raw = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{html}", html.len());
        let page = answered_by(raw).unwrap();
        let form = form_with(&page, "decision").unwrap();
        assert_eq!(form.action, "/b?c=1&d=2");
        assert_eq!(form.fields, [("csrf".to_owned(), "t".to_owned())]);
    }

    fn answered_by(raw: String) -> Result<Response> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let server = std::thread::spawn(move || std::io::Write::write_all(&mut listener.accept()?.0, raw.as_bytes()));
        let response = Request::get("/").send(address)?;
        server.join().expect("the server ran").map(|()| response).map_err(Into::into)
    }
}
