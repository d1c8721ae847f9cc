use actix_web::{HttpRequest, http::header};

/// A path of this service as a whole address, as the client reached it; the path alone where its `Host` is no host.
///
/// `X-Forwarded-Host` and its like are not believed: anybody can send them, and the answer may be kept by something in
/// between. A proxy passes `Host` on. Of the protocol only that it was HTTPS is taken from it.
pub(crate) fn address_of(request: &HttpRequest, path: &str) -> String {
    let host = request.headers().get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok());
    let Some(host) = host.filter(|host| is_host(host)) else {
        return path.to_owned();
    };
    let scheme = match request.connection_info().scheme() {
        "https" => "https",
        _ => "http",
    };
    format!("{scheme}://{host}{path}")
}

/// A name or an address with a port, and nothing that could end or begin another part of an address.
fn is_host(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    !text.is_empty() && text.len() <= 255 && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn address(headers: &[(&'static str, &'static str)]) -> String {
        let mut request = TestRequest::default();
        for header in headers {
            request = request.insert_header(*header);
        }
        address_of(&request.to_http_request(), "/download/x")
    }

    #[test]
    fn nothing_but_the_host_decides_where_a_link_leads() {
        let host = ("host", "127.0.0.1:8000");
        let own = "http://127.0.0.1:8000/download/x";
        assert_eq!(address(&[host]), own);
        assert_eq!(address(&[host, ("x-forwarded-host", "evil.example")]), own);
        assert_eq!(address(&[host, ("x-forwarded-proto", "javascript")]), own);
        assert_eq!(
            address(&[host, ("forwarded", "proto=javascript;host=evil.example")]),
            own
        );
        assert_eq!(
            address(&[host, ("x-forwarded-proto", "https")]),
            "https://127.0.0.1:8000/download/x"
        );
        assert_eq!(address(&[("host", "[::1]:1")]), "http://[::1]:1/download/x");
    }

    #[test]
    fn what_is_no_host_is_left_out() {
        for host in ["evil.example/a", "user@evil.example", "a\"b", "a b", ""] {
            assert_eq!(address(&[("host", host)]), "/download/x", "{host:?}");
        }
        assert_eq!(address(&[]), "/download/x");
    }
}
