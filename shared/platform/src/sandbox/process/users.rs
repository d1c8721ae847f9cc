//! Becoming nobody: a network of its own, then a user that owns nothing.

use std::fs;

use nix::{
    sched::{CloneFlags, unshare},
    unistd::{Gid, Uid, getegid, geteuid, getresuid, setgroups, setresgid, setresuid},
};

/// The id that the trainer sees itself under in a user namespace.
const NOBODY: u32 = 65_534;

/// What became of the namespaces.
pub(super) struct Namespaces {
    /// The network namespace: how it was made, or why not.
    pub(super) network: Result<String, String>,
    /// Whether the process is in a user namespace of its own.
    pub(super) own_users: bool,
}

/// Moves this process into an empty network; an ordinary user needs a user namespace for that.
pub(super) fn leave_network() -> Namespaces {
    let before = network();
    let root = geteuid().is_root();
    let own = CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWIPC;
    let own_users = !root;
    let done = if root {
        unshare(own).map_err(|errno| format!("unshare(CLONE_NEWNET): {errno}"))
    } else {
        enter_user_namespace(own)
    };
    let network = done.and_then(|()| match (before, network()) {
        (Some(before), Some(after)) if before != after => Ok(if root {
            "no interface up".to_owned()
        } else {
            "no interface up, in a user namespace".to_owned()
        }),
        _ => Err("the change could not be read back from /proc/self/ns/net".to_owned()),
    });
    Namespaces {
        own_users: own_users && network.is_ok(),
        network,
    }
}

fn enter_user_namespace(own: CloneFlags) -> Result<(), String> {
    let (uid, gid) = (geteuid(), getegid());
    unshare(CloneFlags::CLONE_NEWUSER | own)
        .map_err(|errno| format!("unshare(CLONE_NEWUSER | CLONE_NEWNET): {errno}"))?;
    // The kernel lets groups be mapped only once the namespace has given up changing them.
    for (file, text) in [
        ("setgroups", "deny".to_owned()),
        ("uid_map", format!("{NOBODY} {uid} 1")),
        ("gid_map", format!("{NOBODY} {gid} 1")),
    ] {
        fs::write(format!("/proc/self/{file}"), text)
            .map_err(|error| format!("/proc/self/{file}: {error}"))?;
    }
    Ok(())
}

fn network() -> Option<std::path::PathBuf> {
    fs::read_link("/proc/self/ns/net").ok()
}

/// Becomes `user` with the group of the same number and no other. `None` stays what it is, which must not be root.
pub(super) fn become_user(user: Option<u32>) -> Result<String, String> {
    if let Some(id) = user {
        let (uid, gid) = (Uid::from_raw(id), Gid::from_raw(id));
        setgroups(&[]).map_err(|errno| format!("setgroups: {errno}"))?;
        setresgid(gid, gid, gid).map_err(|errno| format!("setresgid({id}): {errno}"))?;
        setresuid(uid, uid, uid).map_err(|errno| format!("setresuid({id}): {errno}"))?;
    }
    let now = getresuid().map_err(|errno| format!("getresuid: {errno}"))?;
    if [now.real, now.effective, now.saved]
        .iter()
        .any(|id| id.is_root())
    {
        return Err("the process still runs as root".to_owned());
    }
    Ok(match user {
        Some(id) if id == NOBODY => format!("uid {id}, shared with other rooms"),
        Some(id) => format!("uid {id}, of this room alone"),
        None => "the server's own user, which is not root".to_owned(),
    })
}
