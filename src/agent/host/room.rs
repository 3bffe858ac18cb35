//! Room for connections at the endpoint of hosts: who comes in, and who gives way.

use crate::secret::User;

/// Whose place a connection takes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// Nobody's: there is one left.
    Free,
    /// That of a connection that has not shown yet that it is a host's.
    Of(u64),
    /// There is none.
    No,
}

/// A connection that is there, or comes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guest {
    pub(super) number: u64,
    pub(super) uid: User,
    /// Not one of the users that are hosts; it may still know the secret.
    pub(super) stranger: bool,
    /// Has shown that it is a host's.
    pub(super) greeted: bool,
}

/// Whether there is room for one more connection: one user, and all strangers together, take half of
/// it at most, so that they never keep the users that are hosts out. A stranger who has not shown
/// anything yet gives way to another, the one whose user has most of them first: so one user who
/// holds connections open keeps nobody out but itself. `first` (the machine's administrator and the
/// agent's own user) come before all of these.
pub(super) fn room(
    most: usize,
    comes: Guest,
    first: impl Fn(User) -> bool,
    there: &[Guest],
) -> Room {
    let count = |which: &dyn Fn(&Guest) -> bool| there.iter().filter(|one| which(one)).count();
    let half = most.div_ceil(2);
    let of_user = count(&|one| one.uid == comes.uid);
    let strangers = count(&|one| one.stranger);
    if there.len() < most && of_user < half && (!comes.stranger || strangers < half) {
        return Room::Free;
    }
    if !comes.stranger {
        return Room::No;
    }
    let waiting = |one: &&Guest| one.stranger && !one.greeted;
    let waits_of = |uid: User| {
        there.iter().filter(waiting).filter(|one| one.uid == uid).count()
            + usize::from(uid == comes.uid)
    };
    let may_go = |one: &&Guest| {
        // Whoever has its half already gives way to itself alone.
        (of_user < half || one.uid == comes.uid)
            && (waits_of(one.uid) > 1 || (first(comes.uid) && !first(one.uid)))
    };
    // The oldest of the user who has most.
    let going = there.iter().filter(waiting).filter(may_go);
    let going = going.max_by_key(|one| (!first(one.uid), waits_of(one.uid), u64::MAX - one.number));
    going.map_or(Room::No, |one| Room::Of(one.number))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: u32 = 990;
    const OWN: u32 = 7;

    fn guest(number: u64, uid: u32) -> Guest {
        Guest { number, uid: User::from(uid), stranger: uid != HOST, greeted: uid == HOST }
    }

    fn comes(most: usize, uid: u32, there: &[Guest]) -> Room {
        let first = |uid: User| uid == User::from(OWN) || uid == User::from(0);
        room(most, guest(99, uid), first, there)
    }

    #[test]
    fn strangers_leave_room_for_the_users_that_are_hosts() {
        let strangers = [guest(1, 1), guest(2, 2)];
        assert_eq!(comes(4, HOST, &strangers), Room::Free);
        assert_eq!(comes(4, 3, &strangers), Room::No, "of another user each");
        assert_eq!(comes(4, 3, &[guest(1, 1), guest(2, HOST)]), Room::Free);
        assert_eq!(comes(4, HOST, &[guest(1, HOST), guest(2, HOST)]), Room::No, "half for one");
        let full = [guest(1, HOST), guest(2, 991), guest(3, 992), guest(4, 993)];
        assert_eq!(comes(4, HOST, &full), Room::No);
    }

    #[test]
    fn who_holds_connections_open_keeps_nobody_out_but_itself() {
        let held = [guest(1, 1), guest(2, 1), guest(3, 1), guest(4, 1)];
        assert_eq!(comes(8, 2, &held), Room::Of(1), "the oldest of who has most");
        assert_eq!(comes(8, 1, &held), Room::Of(1), "and for that user too");
        let shared = [guest(1, 2), guest(2, 1), guest(3, 1), guest(4, 3)];
        assert_eq!(comes(8, 4, &shared), Room::Of(2));
        assert_eq!(comes(8, 2, &shared), Room::Of(1), "two of each: the oldest");
        let each = [guest(1, 1), guest(2, 2), guest(3, 3), guest(4, 4)];
        assert_eq!(comes(8, 5, &each), Room::No);
        assert_eq!(comes(8, 0, &each), Room::Of(1), "the administrator comes first");
        assert_eq!(comes(8, OWN, &each), Room::Of(1));
        let own = [guest(1, 0), guest(2, OWN), guest(3, 3), guest(4, 4)];
        assert_eq!(comes(8, 0, &own), Room::Of(3), "and gives way to nobody else");
        assert_eq!(comes(8, 4, &own), Room::Of(4));
        // Who has shown the secret stays.
        let greeted = held.map(|one| Guest { greeted: true, ..one });
        assert_eq!(comes(8, 2, &greeted), Room::No);
        assert_eq!(comes(8, 0, &greeted), Room::No);
    }
}
