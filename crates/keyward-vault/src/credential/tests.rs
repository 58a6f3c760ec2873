use keyward_core::secret::Secret;

use super::*;

fn name() -> TokenName {
    "coda/api_token".parse().expect("name")
}

fn made(spec: &CredentialSpec, value: &[u8]) -> Result<Credential, CredentialError> {
    let token = OpenedToken { value: Secret::new(value.to_vec()), version: 3, expires_at: None };
    let credential = Credential::new(spec, &token)?;
    assert_eq!((format!("{credential:?}").as_str(), credential.version()), ("Credential", 3));
    Ok(credential)
}

fn request(target: &'static str) -> Request<()> {
    let mut request = Request::new(());
    *request.uri_mut() = Uri::from_static(target);
    request
}

fn credential(format: &str, value: &[u8]) -> Result<HeaderMap, CredentialError> {
    let spec = CredentialSpec::new(name(), HeaderName::from_static("x-key"), format).expect("spec");
    let mut request = request("/mcp");
    request.headers_mut().append("x-key", HeaderValue::from_static("the client's own"));
    request.headers_mut().append("x-key", HeaderValue::from_static("and another"));
    made(&spec, value)?.apply(&mut request).expect("applied");
    assert_eq!(request.uri(), "/mcp");
    Ok(request.headers().clone())
}

#[test]
fn replaces_the_header_and_hides_it() {
    let headers = credential("Token token=\"{token}\"", b"s3cret").expect("credential");
    assert_eq!(headers.get_all("x-key").iter().collect::<Vec<_>>(), ["Token token=\"s3cret\""]);
    assert!(!format!("{headers:?}").contains("s3cret"));
}

#[test]
fn refuses_what_would_break_a_header() {
    for bad in [&b"a\r\nX-Evil: 1"[..], b"a\n", b"\0", b"a\tb", b"\x7f", b"\xff\xfe", "é".as_bytes(), b" a", b"a "] {
        let error = credential("Bearer {token}", bad).expect_err("refused");
        assert!(matches!(&error, CredentialError::NotForHeaders(_)), "{error}");
    }
}

#[test]
fn basic_is_user_colon_password_in_base64() {
    // RFC 7617 §2 and §2.1.
    for (username, value, written) in [
        (None, "Aladdin:open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        (Some("Aladdin"), "open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        (Some("test"), "123£", "Basic dGVzdDoxMjPCow=="),
        (Some("ann"), "a:b", "Basic YW5uOmE6Yg=="),
        (None, "key:", "Basic a2V5Og=="),
    ] {
        let spec = CredentialSpec::basic(name(), username).expect("spec");
        let mut request = request("/mcp");
        made(&spec, value.as_bytes()).expect("credential").apply(&mut request).expect("applied");
        let header = &request.headers()[header::AUTHORIZATION];
        assert_eq!(header, written);
        assert!(header.is_sensitive());
    }
    for (username, bad) in [(None, &b"no colon"[..]), (None, b":no user"), (None, b"a:b\n"), (Some("ann"), b"a\0b")] {
        let error = made(&CredentialSpec::basic(name(), username).expect("spec"), bad).expect_err("refused");
        assert!(matches!(&error, CredentialError::NotForBasic(_)), "{error}");
    }
}

#[test]
fn a_query_is_encoded_and_goes_behind_what_is_there() {
    let spec = CredentialSpec::query(name(), "api-key").expect("spec");
    for (target, value, written) in [
        ("/mcp", &b"s3-._~t"[..], "/mcp?api-key=s3-._~t"),
        ("/mcp?v=2", b"a b&c=d#e%/?+", "/mcp?v=2&api-key=a%20b%26c%3Dd%23e%25%2F%3F%2B"),
        ("/", b"\0\xff\r\n", "/?api-key=%00%FF%0D%0A"),
    ] {
        let mut request = request(target);
        let credential = made(&spec, value).expect("credential");
        credential.apply(&mut request).expect("applied");
        assert_eq!(request.uri(), written);
        assert!(request.headers().is_empty());
        let url = Url::parse("https://h.example").and_then(|url| url.join(target)).expect("a URL");
        let (asked, headers) = credential.request(&url).expect("a request");
        assert_eq!((asked.as_str(), headers.len()), (&*format!("https://h.example{written}"), 0));
    }
    let error = made(&spec, &[b'/'; MAX_IN_QUERY / 3 + 1]).expect_err("too long");
    assert!(matches!(&error, CredentialError::NotForQuery(_)), "{error}");
}
