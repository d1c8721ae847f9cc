use std::net::IpAddr;

use actix_web::{
    dev::ServiceRequest,
    http::{Method, StatusCode, header},
};

use crate::problem::Problem;

/// Refuses what a web page of somebody else makes its visitor's browser ask for.
///
/// While there is no authentication, being on this machine is the right to use the service, and every page that is
/// open in a browser here is on this machine. Two ways in are closed: forms of other origins (`Origin` names them),
/// and names of other origins that were made to point here (`Host` names them). `hosts` are names of ours.
pub(crate) fn check(request: &ServiceRequest, hosts: &[String]) -> Result<(), Problem> {
    let text = |name| request.headers().get(name)?.to_str().ok();
    let host = text(header::HOST).unwrap_or_default();
    if !is_ours(host, hosts) {
        return Err(Problem::new(
            StatusCode::MISDIRECTED_REQUEST,
            "request.host",
            "the service answers under localhost, an IP address, or a name that the setting hosts has",
        ));
    }
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
    let foreign = request.headers().contains_key(header::ORIGIN)
        && text(header::ORIGIN)
            .and_then(|origin| origin.split_once("://"))
            .map(|(_, rest)| rest)
            != Some(host);
    if changes && foreign {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "request.cross_origin",
            "pages of other origins may not use the service",
        ));
    }
    Ok(())
}

/// Whether a `Host` is no name that somebody else could have made point here. Without one nobody was led here.
fn is_ours(host: &str, hosts: &[String]) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.split(':').next().unwrap_or_default(),
    };
    name.is_empty()
        || name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok()
        || hosts.iter().any(|ours| name.eq_ignore_ascii_case(ours))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn answer(method: Method, headers: &[(&'static str, &'static str)]) -> Result<(), u16> {
        let mut request = TestRequest::default().method(method);
        for header in headers {
            request = request.insert_header(*header);
        }
        let refused = |problem| actix_web::ResponseError::status_code(&problem).as_u16();
        check(&request.to_srv_request(), &["assay.example".to_owned()]).map_err(refused)
    }

    #[test]
    fn only_names_of_ours_are_answered() {
        for host in [
            "localhost",
            "LOCALHOST:8000",
            "127.0.0.1:8000",
            "[::1]:8000",
            "192.168.1.2",
            "Assay.example:443",
        ] {
            assert_eq!(answer(Method::GET, &[("host", host)]), Ok(()), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example:8000",
            "127.0.0.1.evil.example",
            "[x]:1",
        ] {
            assert_eq!(answer(Method::GET, &[("host", host)]), Err(421), "{host}");
        }
    }

    #[test]
    fn pages_of_other_origins_change_nothing() {
        let host = ("host", "127.0.0.1:8000");
        for (origin, expected) in [
            ("http://127.0.0.1:8000", Ok(())),
            ("http://127.0.0.1:9000", Err(403)),
            ("http://evil.example", Err(403)),
            ("null", Err(403)),
        ] {
            assert_eq!(
                answer(Method::POST, &[host, ("origin", origin)]),
                expected,
                "{origin}"
            );
            assert_eq!(
                answer(Method::GET, &[host, ("origin", origin)]),
                Ok(()),
                "{origin}"
            );
        }
        assert_eq!(answer(Method::DELETE, &[host]), Ok(()));
    }
}
