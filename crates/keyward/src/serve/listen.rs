//! Listening sockets: one for each worker on the same port (`SO_REUSEPORT`), so that the kernel spreads connections and
//! no worker waits for another. A process that takes over from another shares the port with it until that one has ended.

use std::io;
use std::net::{SocketAddr, TcpListener};

use anyhow::{Context, anyhow};
use socket2::{Domain, Protocol, Socket, Type};

const BACKLOG: i32 = 1024;

/// `count` sockets on `address`; port 0 becomes a free port, the same for all.
pub(crate) fn listen(address: SocketAddr, count: usize) -> anyhow::Result<Vec<TcpListener>> {
    // A shared port would let a second process steal half of the calls of the first: ask for it alone before.
    if address.port() != 0 {
        socket(address, false).and_then(|socket| socket.listen(1)).map_err(|error| advice(address, error))?;
    }
    let first = shared(address).map_err(|error| advice(address, error))?;
    let bound = first.local_addr().context("the listening socket has no address")?;
    let mut listeners = vec![first];
    for _ in 1..count.max(1) {
        listeners.push(shared(bound).map_err(|error| advice(bound, error))?);
    }
    Ok(listeners)
}

/// `count` sockets on `address` beside those of a process that has the port already, and is to be told to stop.
pub(crate) fn listen_beside(address: SocketAddr, count: usize) -> anyhow::Result<Vec<TcpListener>> {
    anyhow::ensure!(address.port() != 0, "--take-over needs a port: [server] listen picks one anew at each start");
    (0..count.max(1)).map(|_| shared(address).map_err(|error| advice(address, error))).collect()
}

/// Lets no new connection begin on a listening socket, while those that have begun still come in. Closing it with some
/// on their way would reset them. Whoever is turned away asks again after a second (RFC 6298 §2), and then finds the
/// socket of the process that took over, or none.
#[cfg(target_os = "linux")]
pub(crate) fn turn_away(listener: &tokio::net::TcpListener) -> io::Result<()> {
    use socket2::{SockFilter, SockRef};
    // Classic BPF (linux/filter.h) over the TCP header: drops what has SYN and not ACK in its flags, the byte at 13.
    let filter = [
        SockFilter::new(0x30, 0, 0, 13),
        SockFilter::new(0x54, 0, 0, 0x12),
        SockFilter::new(0x15, 0, 1, 0x02),
        SockFilter::new(0x06, 0, 0, 0),
        SockFilter::new(0x06, 0, 0, u32::MAX),
    ];
    SockRef::from(listener).attach_filter(&filter)
}

/// There is no such filter here: what is on its way at the very moment of closing is reset.
#[cfg(not(target_os = "linux"))]
pub(crate) fn turn_away(_: &tokio::net::TcpListener) -> io::Result<()> {
    Ok(())
}

fn shared(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket(address, true)?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn socket(address: SocketAddr, share_port: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Connections of the process before that are still closing must not keep the port.
    socket.set_reuse_address(true)?;
    if share_port {
        socket.set_reuse_port(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn advice(address: SocketAddr, error: io::Error) -> anyhow::Error {
    match error.kind() {
        io::ErrorKind::AddrInUse => anyhow!(
            "cannot listen on {address}: another program has that port. Stop it, or choose another address: [server] listen \
             in the configuration, KEYWARD__SERVER__LISTEN, or --listen of `keyward demo`"
        ),
        io::ErrorKind::PermissionDenied => {
            anyhow!(
                "cannot listen on {address}: ports below 1024 need a privilege; choose a higher one and put a proxy before it"
            )
        }
        io::ErrorKind::AddrNotAvailable => anyhow!("cannot listen on {address}: this machine has no such address"),
        _ => anyhow::Error::new(error).context(format!("cannot listen on {address}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loopback(port: u16) -> SocketAddr {
        ([127, 0, 0, 1], port).into()
    }

    #[test]
    fn all_share_one_free_port() {
        let listeners = listen(loopback(0), 3).expect("a free port");
        let ports: Vec<u16> = listeners.iter().map(|l| l.local_addr().expect("an address").port()).collect();
        assert!(ports[0] != 0 && ports.iter().all(|port| *port == ports[0]), "{ports:?}");
    }

    #[test]
    fn who_takes_over_shares_the_port() {
        let before = listen(loopback(0), 2).expect("a free port");
        let address = before[0].local_addr().expect("an address");
        let beside = listen_beside(address, 2).expect("beside");
        assert!(beside.iter().all(|listener| listener.local_addr().expect("an address") == address));
        assert!(listen_beside(loopback(0), 1).is_err(), "there is nothing to take over at a port of its own");
    }

    #[test]
    fn a_port_that_is_taken_is_named_even_when_it_is_shared() {
        let taken = listen(loopback(0), 1).expect("a free port");
        let address = taken[0].local_addr().expect("an address");
        let error = listen(address, 1).expect_err("taken").to_string();
        assert!(error.contains(&address.to_string()) && error.contains("another program"), "{error}");
    }
}
