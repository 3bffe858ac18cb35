//! The end of a TCP connection that threads of this process wait on.

use std::net::{Shutdown, TcpStream};

/// Ends both directions; reads and writes of other threads, on this handle and its copies, return.
pub(crate) fn hang_up(stream: &TcpStream) {
    // It may be over already, which is as good.
    let _ = stream.shutdown(Shutdown::Both);
    #[cfg(windows)]
    super::windows::cancel::all(stream);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::{Read as _, Write as _},
        net::TcpListener,
        thread,
        time::{Duration, Instant},
    };

    #[test]
    fn who_waits_for_input_or_to_be_rid_of_output_waits_no_longer() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let _far = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let near = listener.accept().unwrap().0;
        let limit = Duration::from_secs(20);
        near.set_read_timeout(Some(limit)).unwrap();
        near.set_write_timeout(Some(limit)).unwrap();
        let begun = Instant::now();
        thread::scope(|scope| {
            let reads = scope.spawn(|| !matches!((&near).read(&mut [0; 8]), Ok(1..)));
            let writes = scope.spawn(|| while (&near).write_all(&[0; 1 << 16]).is_ok() {});
            thread::sleep(Duration::from_millis(300));
            hang_up(&near.try_clone().unwrap());
            assert!(reads.join().unwrap());
            writes.join().unwrap();
        });
        assert!(!matches!((&near).read(&mut [0]), Ok(1..)), "nor does who comes later");
        assert!(begun.elapsed() < limit / 2, "{:?}", begun.elapsed());
    }
}
