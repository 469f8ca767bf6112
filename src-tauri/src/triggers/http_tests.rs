use super::fakes::{CAMERA_LOST, Ends, FakeLine, camera, counts_of, line, settings, taken, until};
use super::http::TimeLimits;
use super::token::TOKEN_FILE;
use super::*;
use std::{fs, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::Instant,
};

const PAST_BOUNCE: Duration = Duration::from_millis(400);

struct Server {
    line: Arc<FakeLine>,
    triggers: Triggers,
    address: SocketAddr,
    token: String,
    _dir: tempfile::TempDir,
    _tasks: JoinSet<()>,
}

struct Answer {
    status: u16,
    head: String,
    body: serde_json::Value,
}

/// A server whose line lets `ends` parts end by themselves.
async fn server(ends: usize, limits: TimeLimits) -> Server {
    let (triggers, line) = line(settings(), ends);
    let dir = tempfile::tempdir().unwrap();
    let http = HttpTrigger::bind(triggers.clone(), 0, dir.path()).await;
    let http = http.unwrap().with_limits(limits);
    let address = http.address();
    let token = fs::read_to_string(dir.path().join(TOKEN_FILE)).unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(http.serve());
    Server {
        line,
        triggers,
        address,
        token: token.trim_end().to_owned(),
        _dir: dir,
        _tasks: tasks,
    }
}

impl Server {
    /// A whole request, with `{token}` and `{port}` put in.
    fn request(&self, text: &str) -> Vec<u8> {
        let port = self.address.port().to_string();
        let text = text
            .replace("{token}", &self.token)
            .replace("{port}", &port);
        text.replace('\n', "\r\n").into_bytes()
    }

    async fn send(&self, text: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(&self.request(text)).await.unwrap();
        read_answer(&mut stream).await
    }

    async fn trigger(&self, body: &str) -> Answer {
        self.send(&with_token(body)).await
    }
}

fn with_token(body: &str) -> String {
    let length = body.len();
    format!(
        "POST /trigger HTTP/1.1\nHost: 127.0.0.1:{{port}}\nAuthorization: Bearer {{token}}\nContent-Length: {length}\n\n{body}"
    )
}

async fn read_answer(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut bytes));
    read.await.unwrap().unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok());
    Answer {
        status: status.unwrap_or(0),
        head: head.to_ascii_lowercase(),
        body: serde_json::from_str(body).unwrap_or_default(),
    }
}

fn code(answer: &Answer) -> &str {
    answer.body["code"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn a_part_is_answered_with_its_id_and_hash_once_it_is_durable() {
    let server = server(0, TimeLimits::default()).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let body = r#"{"serial": "S-1", "lot": "批次 7"}"#;
    let request = server.request(&with_token(body));
    stream.write_all(&request).await.unwrap();
    until("the part is begun", || server.line.took().len() == 1).await;
    let mut byte = [0];
    let early = tokio::time::timeout(Duration::from_millis(50), stream.peek(&mut byte)).await;
    assert!(early.is_err(), "it answers before the part is durable");
    server.line.ends.add_permits(1);
    let answer = read_answer(&mut stream).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body, serde_json::to_value(taken(1)).unwrap());
    assert_eq!(answer.body["sha256"].as_str().unwrap().len(), 64);
    let took = &server.line.took()[0];
    assert_eq!(took.source, TriggerSource::Http);
    assert_eq!(took.serial.as_deref(), Some("S-1"));
    assert_eq!(took.lot.as_deref(), Some("批次 7"));
}

#[tokio::test]
async fn who_is_not_let_in_takes_nothing() {
    let server = server(9, TimeLimits::default()).await;
    let post = "POST /trigger HTTP/1.1\n";
    let (host, auth) = (
        "Host: 127.0.0.1:{port}\n",
        "Authorization: Bearer {token}\n",
    );
    let cases: [(&str, String, u16, &str); 20] = [
        ("no token", format!("{post}{host}\n"), 401, "unauthorized"),
        (
            "another token",
            format!("{post}{host}Authorization: Bearer {}\n\n", "0".repeat(64)),
            401,
            "unauthorized",
        ),
        (
            "an empty token",
            format!("{post}{host}Authorization: Bearer \n\n"),
            401,
            "unauthorized",
        ),
        (
            "half of the token",
            format!(
                "{post}{host}Authorization: Bearer {}\n\n",
                &server.token[..32]
            ),
            401,
            "unauthorized",
        ),
        (
            "another scheme",
            format!("{post}{host}Authorization: Basic {{token}}\n\n"),
            401,
            "unauthorized",
        ),
        (
            "the token in the address",
            format!("POST /trigger?token={{token}} HTTP/1.1\n{host}\n"),
            401,
            "unauthorized",
        ),
        (
            "another host",
            format!("{post}Host: evil.example:{{port}}\n{auth}\n"),
            403,
            "wrong_host",
        ),
        (
            "a host that begins like ours",
            format!("{post}Host: 127.0.0.1.evil.example\n{auth}\n"),
            403,
            "wrong_host",
        ),
        (
            "our host as a user's name",
            format!("{post}Host: 127.0.0.1@evil.example\n{auth}\n"),
            403,
            "wrong_host",
        ),
        (
            "another port",
            format!("{post}Host: localhost:1\n{auth}\n"),
            403,
            "wrong_host",
        ),
        ("no host", format!("{post}{auth}\n"), 403, "wrong_host"),
        (
            "two hosts",
            format!("{post}{host}Host: evil.example\n{auth}\n"),
            403,
            "wrong_host",
        ),
        (
            "another host in the address",
            format!("POST http://evil.example/trigger HTTP/1.1\n{host}{auth}\n"),
            403,
            "wrong_host",
        ),
        (
            "another host that asks for health",
            "GET /healthz HTTP/1.1\nHost: evil.example\n\n".to_owned(),
            403,
            "wrong_host",
        ),
        (
            "another method",
            format!("GET /trigger HTTP/1.1\n{host}{auth}\n"),
            405,
            "method_not_allowed",
        ),
        (
            "a page that asks whether it may",
            format!("OPTIONS /trigger HTTP/1.1\n{host}Origin: http://evil.example\n\n"),
            405,
            "method_not_allowed",
        ),
        (
            "another path",
            format!("POST /triggers HTTP/1.1\n{host}{auth}\n"),
            404,
            "not_found",
        ),
        ("no JSON", with_token("serial=1"), 400, "malformed"),
        (
            "a key that is not known",
            with_token(r#"{"serail": "1"}"#),
            400,
            "malformed",
        ),
        (
            "a serial number that cannot be seen",
            with_token(r#"{"serial": "\u0007"}"#),
            400,
            "malformed",
        ),
    ];
    for (name, request, status, expected) in cases {
        let answer = server.send(&request).await;
        assert_eq!((answer.status, code(&answer)), (status, expected), "{name}");
        assert!(
            answer.body["message"].as_str().unwrap().len() > 10,
            "{name}"
        );
        assert!(!answer.body.to_string().contains(&server.token), "{name}");
        assert!(!answer.head.contains("access-control"), "{name}");
    }
    assert_eq!(server.line.took(), []);
    assert_eq!(
        counts_of(&server.triggers, TriggerSource::Http).last_at,
        None
    );
    let named = with_token("").replace("127.0.0.1", "LocalHost");
    assert_eq!(server.send(&named).await.status, 200);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_also_where_it_hides_its_length() {
    let server = server(9, TimeLimits::default()).await;
    let answer = server.trigger(&" ".repeat(4097)).await;
    assert_eq!((answer.status, code(&answer)), (413, "too_large"));
    let chunk = format!("{:x}\n{}\n", 4000, "x".repeat(4000));
    let chunked = format!(
        "POST /trigger HTTP/1.1\nHost: localhost\nAuthorization: Bearer {{token}}\nTransfer-Encoding: chunked\n\n{chunk}{chunk}0\n\n"
    );
    let answer = server.send(&chunked).await;
    assert_eq!((answer.status, code(&answer)), (413, "too_large"));
    // What is only announced is not waited for.
    let announced = "POST /trigger HTTP/1.1\nHost: localhost\nAuthorization: Bearer {token}\nContent-Length: 9999999999\n\n";
    let answer = server.send(announced).await;
    assert_eq!((answer.status, code(&answer)), (413, "too_large"));
    let large = format!("X: {}\n", "x".repeat(20_000));
    let answer = server
        .send(&with_token("").replace("\n\n", &format!("\n{large}\n")))
        .await;
    assert_eq!(answer.status, 431);
    assert_eq!(server.line.took(), []);
    let fits = server.trigger(&" ".repeat(4096)).await;
    assert_eq!(fits.status, 200);
}

#[tokio::test]
async fn a_client_that_stalls_is_let_go_and_holds_up_nobody() {
    let limits = TimeLimits {
        headers: Duration::from_secs(1),
        body: Duration::from_secs(1),
        ..TimeLimits::default()
    };
    let server = server(9, limits).await;
    let began = Instant::now();
    let mut stalled = Vec::new();
    for start in [
        "",
        "POST /trigger HT",
        "POST /trigger HTTP/1.1\nHost: localhost\nX-Y: ",
    ] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(&server.request(start)).await.unwrap();
        stalled.push(stream);
    }
    let mut half = TcpStream::connect(server.address).await.unwrap();
    let whole = server.request(&with_token(r#"{"serial": "1"}"#));
    half.write_all(&whole[..whole.len() - 4]).await.unwrap();
    assert_eq!(server.trigger("").await.status, 200);
    assert!(began.elapsed() < limits.headers, "others were held up");
    let answer = read_answer(&mut half).await;
    assert_eq!((answer.status, code(&answer)), (408, "too_slow"));
    for stream in &mut stalled {
        let mut rest = Vec::new();
        let end = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut rest));
        end.await.unwrap().unwrap();
        assert!(!String::from_utf8_lossy(&rest).contains("200"));
    }
    assert_eq!(server.line.took().len(), 1);
}

#[tokio::test]
async fn stalled_clients_in_any_number_hold_up_a_trigger_no_longer_than_their_time() {
    let limits = TimeLimits {
        headers: Duration::from_millis(300),
        ..TimeLimits::default()
    };
    let server = server(9, limits).await;
    let mut stalled = Vec::new();
    for _ in 0..100 {
        stalled.push(TcpStream::connect(server.address).await.unwrap());
    }
    assert_eq!(server.trigger("").await.status, 200);
}

#[tokio::test]
async fn two_triggers_at_once_take_one_part() {
    let server = server(0, TimeLimits::default()).await;
    let free_one = async {
        until("one is refused", || {
            counts_of(&server.triggers, TriggerSource::Http).bounced == 1
        })
        .await;
        server.line.ends.add_permits(1);
    };
    let (one, other, ()) = tokio::join!(server.trigger(""), server.trigger(""), free_one);
    let (taken, refused) = match one.status {
        200 => (one, other),
        _ => (other, one),
    };
    assert_eq!(taken.status, 200);
    assert_eq!((refused.status, code(&refused)), (409, "bounce"));
    assert_eq!(server.line.took().len(), 1);
}

#[tokio::test]
async fn while_a_part_is_taken_another_is_refused_as_busy_with_a_sentence() {
    let server = server(0, TimeLimits::default()).await;
    let first = server.triggers.offer(Trigger::plain(
        TriggerSource::Key,
        wiko_core::time::UnixMillis(0),
    ));
    server.line.clock.advance(PAST_BOUNCE);
    let answer = server.trigger("").await;
    assert_eq!((answer.status, code(&answer)), (409, "busy"));
    let message = answer.body["message"].as_str().unwrap();
    assert!(message.contains("still being saved"), "{message}");
    server.line.ends.add_permits(1);
    assert!(first.unwrap().await.unwrap().is_ok());
}

#[tokio::test]
async fn a_lost_camera_is_a_conflict_with_its_code_and_sentence() {
    let server = server(2, TimeLimits::default()).await;
    server.line.end_as(Ends::CameraLost);
    let answer = server.trigger("").await;
    assert_eq!((answer.status, code(&answer)), (409, "camera_lost"));
    assert_eq!(answer.body["message"], CAMERA_LOST);
    server.line.clock.advance(PAST_BOUNCE);
    server.line.end_as(Ends::Panics);
    let answer = server.trigger("").await;
    assert_eq!((answer.status, code(&answer)), (500, "broken_off"));
}

#[tokio::test]
async fn a_source_that_is_switched_off_is_a_conflict() {
    let server = server(2, TimeLimits::default()).await;
    server.triggers.apply(TriggerSettings::default());
    let answer = server.trigger("").await;
    assert_eq!((answer.status, code(&answer)), (409, "source_off"));
}

#[tokio::test]
async fn a_client_that_goes_away_undoes_nothing() {
    let server = server(0, TimeLimits::default()).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = server.request(&with_token(""));
    stream.write_all(&request).await.unwrap();
    until("the part is begun", || server.line.took().len() == 1).await;
    drop(stream);
    server.line.ends.add_permits(1);
    until("it is taken", || {
        counts_of(&server.triggers, TriggerSource::Http).taken == 1
    })
    .await;
}

#[tokio::test]
async fn a_part_that_is_not_safe_in_time_is_said_to_be_so_and_goes_on() {
    let limits = TimeLimits {
        taking: Duration::from_millis(100),
        ..TimeLimits::default()
    };
    let server = server(0, limits).await;
    let answer = server.trigger("").await;
    assert_eq!((answer.status, code(&answer)), (504, "not_yet_safe"));
    server.line.ends.add_permits(1);
    until("it is taken", || {
        counts_of(&server.triggers, TriggerSource::Http).taken == 1
    })
    .await;
}

#[tokio::test]
async fn health_is_told_without_a_token_and_while_a_part_is_taken() {
    let server = server(0, TimeLimits::default()).await;
    drop(server.triggers.offer(Trigger::plain(
        TriggerSource::Key,
        wiko_core::time::UnixMillis(0),
    )));
    let answer = server
        .send("GET /healthz HTTP/1.1\nHost: localhost:{port}\n\n")
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body["status"], "ok");
}

#[tokio::test]
async fn it_listens_on_loopback_alone_and_a_port_that_is_taken_is_told_with_what_to_do() {
    let server = server(0, TimeLimits::default()).await;
    assert_eq!(server.address.ip(), std::net::Ipv4Addr::LOCALHOST);
    let port = server.address.port();
    let mut taken = settings();
    taken.http_port = port;
    taken.sources = std::collections::BTreeSet::from([TriggerSource::Http]);
    server.triggers.apply(taken);
    let dir = tempfile::tempdir().unwrap();
    let (camera, _shutter) = camera(&server.line, false);
    let (_cameras, inspecting) = watch::channel(camera);
    let sources = Sources::start(&server.triggers, inspecting, dir.path(), None).await;
    let told = sources.http.unwrap().unwrap_err().to_string();
    assert!(
        told.contains(&port.to_string()) && told.contains("http_port"),
        "{told}"
    );
}

#[test]
fn the_token_is_made_once_for_the_stations_user_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(TOKEN_FILE);
    // What a start that was broken off left behind.
    fs::write(dir.path().join(format!("{TOKEN_FILE}.new")), "half").unwrap();
    let made = Token::load_or_create(dir.path()).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let again = Token::load_or_create(dir.path()).unwrap();
    assert!(made.is(text.trim_end().as_bytes()) && again.is(text.trim_end().as_bytes()));
    assert!(!made.is(b"") && !made.is(&text.as_bytes()[..63]) && !made.is(text.as_bytes()));
    assert!(!format!("{made:?}").contains(text.trim_end()));
    let other = tempfile::tempdir().unwrap();
    assert!(
        !Token::load_or_create(other.path())
            .unwrap()
            .is(text.trim_end().as_bytes())
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let refused = Token::load_or_create(dir.path()).unwrap_err().to_string();
        assert!(refused.contains("delete it"), "{refused}");
        assert!(!refused.contains(text.trim_end()));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    fs::write(&path, "").unwrap();
    let refused = Token::load_or_create(dir.path()).unwrap_err();
    assert!(matches!(refused, TokenError::Malformed { .. }), "{refused}");
}
