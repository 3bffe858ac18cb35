use super::*;
use proptest::prelude::*;
use std::{net::TcpListener, thread};

fn head(text: &str) -> Option<Head> {
    Head::parse(text.replace('\n', "\r\n").as_bytes())
}

#[test]
fn a_head_is_read_as_it_is_written() {
    let head = head(
        "POST /a?b=c HTTP/1.1\nHost: 127.0.0.1:80\ncontent-LENGTH: 12\n\
         Content-Type: Application/X-Www-Form-Urlencoded ; charset=utf-8\nX: \t y\n\n",
    )
    .unwrap();
    assert_eq!((head.method.as_str(), head.target.expose()), ("POST", b"/a?b=c".as_slice()));
    assert_eq!(head.host.as_deref(), Some("127.0.0.1:80"));
    assert_eq!(head.media_type, "application/x-www-form-urlencoded");
    assert_eq!(head.length, Some(12));
}

#[test]
fn what_could_be_read_in_two_ways_is_no_head() {
    for wrong in [
        "",
        "\n\n",
        "GET / HTTP/1.1\n",
        "GET / HTTP/1.1",
        "GET / HTTP/2\n\n",
        "GET  / HTTP/1.1\n\n",
        "GET / HTTP/1.1 x\n\n",
        "get / HTTP/1.1\n\n",
        "GET http://elsewhere/ HTTP/1.1\n\n",
        "GET / HTTP/1.1\nHost: a\nHost: a\n\n",
        "GET / HTTP/1.1\nContent-Length: 1\nContent-Length: 1\n\n",
        "GET / HTTP/1.1\nContent-Length: +1\n\n",
        "GET / HTTP/1.1\nContent-Length: 1, 1\n\n",
        "GET / HTTP/1.1\nContent-Length:\n\n",
        "GET / HTTP/1.1\nContent-Length: 99999999999999999999999\n\n",
        "GET / HTTP/1.1\nTransfer-Encoding: chunked\n\n",
        "GET / HTTP/1.1\nExpect: 100-continue\n\n",
        "GET / HTTP/1.1\nContent-Type: a\nContent-Type: a\n\n",
        "GET / HTTP/1.1\nno colon\n\n",
        "GET / HTTP/1.1\nA: b\n c\n\n",
        "GET / HTTP/1.1\nA : b\n\n",
        "GET / HTTP/1.1\n: b\n\n",
        "GET / HTTP/1.1\nA: b\u{1}\n\n",
    ] {
        assert!(head(wrong).is_none(), "{wrong}");
    }
    let many = |count: usize| format!("GET / HTTP/1.1\n{}\n", "A: b\n".repeat(count));
    assert!(head(&many(MOST_FIELDS)).is_some());
    assert!(head(&many(MOST_FIELDS + 1)).is_none());
}

/// What is read of a connection on which this was sent; it stays open for `hold`.
fn sent(text: Vec<u8>, longest: usize, hold: Duration) -> Result<(Head, Secret), Fault> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let sender = thread::spawn(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        // Who reads may have had enough.
        let _ = stream.write_all(&text);
        thread::sleep(hold);
    });
    let (stream, _) = listener.accept().unwrap();
    let read = read(&stream, longest, Instant::now() + Duration::from_millis(400));
    drop(stream);
    sender.join().unwrap();
    read
}

#[test]
fn a_body_is_read_whole_and_no_further() {
    let post = |length: usize, body: &str| {
        format!("POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
    };
    let (_, body) = sent(post(5, "12345rest"), 5, Duration::ZERO).unwrap();
    assert_eq!(body.expose(), b"12345");
    let long = "x".repeat(20_000);
    let (_, body) = sent(post(20_000, &long), 20_000, Duration::ZERO).unwrap();
    assert_eq!(body.len(), 20_000);
    assert_eq!(sent(post(6, "123456"), 5, Duration::ZERO).unwrap_err(), Fault::TooLong);
    assert_eq!(sent(post(6, "12345"), 6, Duration::ZERO).unwrap_err(), Fault::Gone);
    let slow = sent(post(6, "12345"), 6, Duration::from_millis(800)).unwrap_err();
    assert_eq!(slow, Fault::Gone, "its time is over though the other end is there");
}

#[test]
fn a_head_without_an_end_is_given_up() {
    let endless = [b"GET / HTTP/1.1\r\n".as_slice(), &b"A: b\r\n".repeat(10_000)].concat();
    assert_eq!(sent(endless, 0, Duration::ZERO).unwrap_err(), Fault::TooLong);
    assert_eq!(sent(b"GET /".to_vec(), 0, Duration::ZERO).unwrap_err(), Fault::Gone);
    assert_eq!(sent(b"GARBAGE\r\n\r\n".to_vec(), 0, Duration::ZERO).unwrap_err(), Fault::Malformed);
}

proptest! {
    #[test]
    fn hostile_heads_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Head::parse(&bytes);
        let _ = Head::parse(&[bytes.as_slice(), b"\r\n\r\n"].concat());
    }
}
