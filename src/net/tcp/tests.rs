use super::*;
use crate::net::{TcpAddress, TcpSocket, listening_user as at_address};

#[test]
fn addresses_are_read_in_three_forms_and_names_are_not_looked_up() {
    for text in ["tcp:127.0.0.1:35963", "127.0.0.1:35963", "35963"] {
        let address = TcpAddress::parse(text).unwrap();
        assert_eq!(address, TcpAddress::loopback(35963), "{text}");
    }
    let six = TcpAddress::parse("tcp:[::1]:1").unwrap();
    assert!(six.is_loopback());
    assert_eq!(TcpAddress::parse(&six.to_string()), Some(six));
    for text in ["", "tcp:", "65536", "tcp:a:1", "127.0.0.1", "127.0.0.1:", "::1:2", "+1"] {
        assert_eq!(TcpAddress::parse(text), None, "{text}");
    }
}

#[test]
fn the_user_of_a_connection_is_found_by_both_its_ends() {
    let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
        0: 0100007F:0CA8 00000000:0000 0A 00000000:00000000 00:00000000 00000000   990        0 1 1 0 100 0 0 10 0\n\
        1: 0100007F:0CA8 0100007F:D431 01 00000000:00000000 00:00000000 00000000   990        0 1 1 0 100 0 0 10 0\n\
        2: 0100007F:D431 0100007F:0CA8 01 00000000:00000000 00:00000000 00000000  1000        0 1 1 0 100 0 0 10 0\n\
        3: 0100007F:D432 0100007F:0CA8 06 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0\n";
    let at = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    assert_eq!(owner(table, at(0xD431), at(0x0CA8)), Some(1000));
    assert_eq!(owner(table, at(0xD432), at(0x0CA8)), None, "a connection that is closing");
    assert_eq!(owner(table, at(0xD433), at(0x0CA8)), None);
    let mapped = "x\n 0: 0000000000000000FFFF00000100007F:D431 0000000000000000FFFF00000100007F:0CA8 01 0:0 0:0 0 7 0 1";
    assert_eq!(owner(mapped, at(0xD431), at(0x0CA8)), Some(7));
    for hostile in ["", "x", "x\n: : : :", "x\n0: 0100007F:0CA8", "x\n0: é100007:0CA8 a:b 01"] {
        assert_eq!(owner(hostile, at(1), at(2)), None, "{hostile}");
    }
}

#[test]
fn who_listens_is_found_at_the_address_and_at_all_and_has_to_be_one_user() {
    let row = |own: &str, state: &str, user: u32| {
        let nobody = if own.len() > 13 { "0".repeat(32) } else { "0".repeat(8) };
        format!(" 0: {own} {nobody}:0000 {state} 0:0 0:0 0 {user} 0 1\n")
    };
    let found = |rows: &[String], address: &str| {
        let table = format!("head\n{}", rows.concat());
        let at = TcpAddress::parse(address).unwrap();
        sole(listeners(&table, at.0))
    };
    let own = row("0100007F:0CA8", "0A", 7);
    let all = row("00000000:0CA8", "0A", 7);
    let all_six = row(&format!("{:032}:0CA8", 0), "0A", 8);
    let mapped = row("0000000000000000FFFF00000100007F:0CA8", "0A", 7);
    for good in [&own, &all, &mapped] {
        assert_eq!(found(std::slice::from_ref(good), "127.0.0.1:3240"), Some(7), "{good}");
        assert_eq!(found(std::slice::from_ref(good), "127.0.0.1:3241"), None);
        assert_eq!(found(std::slice::from_ref(good), "[::1]:3240"), None);
    }
    assert_eq!(found(std::slice::from_ref(&own), "127.0.0.2:3240"), None);
    assert_eq!(found(std::slice::from_ref(&all_six), "127.0.0.1:3240"), Some(8));
    assert_eq!(found(std::slice::from_ref(&all_six), "[::1]:3240"), Some(8));
    assert_eq!(found(&[own.clone(), all], "127.0.0.1:3240"), Some(7));
    assert_eq!(found(&[own, all_six], "127.0.0.1:3240"), None, "two users");
    assert_eq!(found(&[row("0100007F:0CA8", "01", 7)], "127.0.0.1:3240"), None, "no listener");
    for hostile in ["x 0100007F:0CA8 00000000:0000 0A", "x é100007F:0CA8 a:b 0A 0 0 0 7", "\0"] {
        assert_eq!(found(&[hostile.to_owned()], "127.0.0.1:3240"), None, "{hostile}");
    }
}

#[test]
fn a_server_of_somebody_else_gets_nothing() {
    let socket = TcpSocket::bind(TcpAddress::loopback(0)).unwrap();
    let own = User::own();
    assert_eq!(at_address(socket.address()), Some(own));
    let limit = Duration::from_secs(5);
    let refused = Connection::connect_tcp_to(socket.address(), limit, |user| {
        assert_eq!(user, Some(own));
        false
    });
    assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    let (server, _) = socket.accept().unwrap().unwrap();
    let end = server.read_exact(&mut [0]).unwrap_err();
    assert_eq!(end.kind(), io::ErrorKind::UnexpectedEof);
    let believed = |user| user == Some(own) || user == Some(User::from(0));
    assert!(Connection::connect_tcp_to(socket.address(), limit, believed).is_ok());
}

#[test]
fn a_connection_tells_its_user_and_carries_bytes_both_ways() {
    let socket = TcpSocket::bind(TcpAddress::loopback(0)).unwrap();
    let client = Connection::connect_tcp(socket.address(), Duration::from_secs(5)).unwrap();
    let (server, user) = socket.accept().unwrap().unwrap();
    assert_eq!(user, Some(User::own()));
    server.end_when_unreachable(Duration::from_secs(30)).unwrap();
    assert!(rustix::net::sockopt::socket_keepalive(&server).unwrap());
    assert_eq!(rustix::net::sockopt::tcp_user_timeout(&server).unwrap(), 30_000);
    client.write_all(b"ab").unwrap();
    server.acknowledge_at_once();
    let mut bytes = [0; 2];
    server.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"ab");
    socket.stop();
    assert!(socket.accept().unwrap().is_none());
}
