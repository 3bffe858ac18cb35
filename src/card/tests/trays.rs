//! Cards that come and go, and those who wait for it.

use super::*;
use std::{sync::mpsc, thread, time::Instant};

const SOON: Duration = Duration::from_secs(10);

fn tray_with(number: u32) -> (Arc<Tray>, Desk) {
    let (tray, desk) = (Tray::new(2), Desk::new(number));
    tray.insert(0, desk.card.clone());
    (tray, desk)
}

/// A thread that waits until place 0 has changed more than `seen` times; tells when it began to
/// wait, and what it found.
fn waiter(tray: &Arc<Tray>, seen: u64) -> mpsc::Receiver<u64> {
    let (say, hear) = mpsc::channel();
    let (began, begun) = mpsc::channel();
    let tray = Arc::clone(tray);
    thread::spawn(move || {
        let changes = tray.wait(|| {
            let changes = tray.changes(0);
            let _ = began.send(());
            (changes > seen).then_some(changes)
        });
        let _ = say.send(changes);
    });
    begun.recv_timeout(SOON).unwrap();
    hear
}

#[test]
fn cards_come_and_go_and_are_counted() {
    let tray = Tray::new(2);
    assert_eq!((tray.places(), Tray::default().places()), (2, 0));
    assert!(tray.card(0).is_none() && tray.card(9).is_none());
    let desk = Desk::new(501);
    tray.insert(0, desk.card.clone());
    assert_eq!(tray.card(0).unwrap().id(), desk.card.id());
    assert!(tray.card(1).is_none());
    assert_eq!((tray.changes(0), tray.changes(1), tray.changes(9)), (1, 0, 0));
    tray.remove(0);
    assert!(tray.card(0).is_none());
    assert_eq!(desk.card.state(), State::Removed);
    assert_eq!((tray.changes(0), tray.changes(1)), (2, 0));
    tray.remove(0);
    tray.remove(9);
    assert_eq!(tray.changes(0), 2);
}

#[test]
fn a_new_card_removes_the_old_one() {
    let (tray, old) = tray_with(502);
    let new = Desk::new(502);
    tray.insert(0, new.card.clone());
    assert_eq!(old.card.state(), State::Removed);
    assert_eq!(tray.card(0).unwrap().id(), new.card.id());
    assert_eq!(new.card.state(), State::Inserted);
    assert_eq!(tray.changes(0), 2);
}

#[test]
fn the_same_card_again_stays() {
    let (tray, desk) = tray_with(503);
    tray.insert(0, desk.card.clone());
    assert_eq!(desk.card.state(), State::Inserted);
    assert_eq!(tray.card(0).unwrap().id(), desk.card.id());
    assert_eq!(tray.changes(0), 1);
    desk.card.remove();
    assert_eq!(tray.changes(0), 2);
}

#[test]
fn a_card_without_a_place_is_removed() {
    let (tray, desk) = (Tray::new(1), Desk::new(504));
    tray.insert(1, desk.card.clone());
    assert_eq!(desk.card.state(), State::Removed);
}

#[test]
fn a_card_removed_anywhere_leaves_all_its_trays() {
    let (tray, desk) = tray_with(505);
    let other = Tray::new(1);
    other.insert(0, desk.card.clone());
    drop(Tray::new(3));
    desk.card.clone().remove();
    assert!(tray.card(0).is_none() && other.card(0).is_none());
    assert_eq!((tray.changes(0), other.changes(0)), (2, 2));
}

#[test]
fn a_card_leaves_before_anyone_looks() {
    let (tray, desk) = tray_with(506);
    desk.card.remove();
    assert!(locked(&tray.table).places.iter().all(|place| place.card.is_none()));
}

#[test]
fn a_card_that_has_ended_does_not_stay_in_a_place() {
    let (tray, desk) = (Tray::new(1), Desk::new(507));
    desk.card.remove();
    tray.insert(0, desk.card.clone());
    assert!(tray.card(0).is_none());
    assert_eq!(tray.changes(0), 2);
}

#[test]
fn an_expired_card_is_not_shown_and_counts_as_gone() {
    let (tray, desk) = tray_with(508);
    desk.clock.set(desk.card.expires());
    assert!(tray.card(0).is_none());
    let (tray, desk) = tray_with(508);
    desk.clock.set(desk.card.expires());
    assert_eq!(tray.changes(0), 2);
}

#[test]
fn a_locked_or_suspended_card_still_lies_there() {
    let (tray, desk) = tray_with(509);
    desk.card.lock();
    assert!(tray.card(0).is_some());
    desk.card.suspend();
    assert!(tray.card(0).is_some());
    assert_eq!(tray.changes(0), 1);
}

#[test]
fn waiting_answers_at_once_what_is_there() {
    let (tray, _desk) = tray_with(510);
    assert_eq!(tray.wait(|| Some(tray.changes(0))), 1);
}

#[test]
fn a_waiter_hears_of_an_insertion() {
    let tray = Tray::new(1);
    let heard = waiter(&tray, 0);
    tray.insert(0, Desk::new(511).card);
    assert_eq!(heard.recv_timeout(SOON).unwrap(), 1);
}

#[test]
fn a_waiter_hears_of_a_removal_at_once() {
    let (tray, desk) = tray_with(512);
    let heard = waiter(&tray, 1);
    desk.card.remove();
    assert_eq!(heard.recv_timeout(SOON).unwrap(), 2);
}

#[test]
fn a_waiter_hears_of_an_expiry_by_the_cards_own_clock() {
    let (tray, desk) = tray_with(513);
    let heard = waiter(&tray, 1);
    thread::sleep(Duration::from_millis(50));
    desk.clock.advance(9 * HOUR);
    assert_eq!(heard.recv_timeout(SOON).unwrap(), 2);
}

#[test]
fn a_waiter_is_asked_again_when_woken_and_only_then() {
    let (tray, _desk) = tray_with(514);
    let (asked, asks) = mpsc::channel();
    let (stop, stopped) = (Arc::new(Mutex::new(false)), Arc::clone(&tray));
    let flag = Arc::clone(&stop);
    let thread = thread::spawn(move || {
        stopped.wait(|| {
            asked.send(()).unwrap();
            locked(&flag).then_some(())
        });
    });
    asks.recv_timeout(SOON).unwrap();
    // The clock is looked at meanwhile, the check is not asked.
    assert!(asks.recv_timeout(Duration::from_millis(600)).is_err());
    tray.wake();
    asks.recv_timeout(SOON).unwrap();
    *locked(&stop) = true;
    tray.wake();
    thread.join().unwrap();
}

#[test]
fn no_wake_up_is_lost_between_the_check_and_the_sleep() {
    let tray = Tray::new(1);
    let mut asked = 0;
    // Woken from inside the check, before the wait can begin.
    tray.wait(|| {
        asked += 1;
        tray.wake();
        (asked > 100).then_some(())
    });
}

#[test]
fn waiting_with_a_card_there_does_not_spin() {
    let (tray, _desk) = tray_with(515);
    let began = Instant::now();
    let turn = locked(&tray.table).turn;
    tray.sleep(turn, None);
    assert!(began.elapsed() >= Duration::from_millis(200));
    // Where the turn has changed already there is nothing to wait for.
    let began = Instant::now();
    tray.sleep(u64::MAX, None);
    assert!(began.elapsed() < Duration::from_millis(200));
}

#[test]
fn a_card_in_two_trays_tells_both_of_its_end() {
    let (one, desk) = tray_with(516);
    let two = Tray::new(1);
    two.insert(0, desk.card.clone());
    one.insert(0, desk.card.clone());
    assert_eq!((one.changes(0), two.changes(0)), (1, 1));
    let turns = || [&one, &two].map(|tray| locked(&tray.table).turn);
    let [first, second] = turns();
    desk.card.remove();
    assert_eq!(turns(), [first + 1, second + 1], "at once, before anybody looks");
    assert_eq!((one.changes(0), two.changes(0)), (2, 2));
    assert!(one.card(0).is_none() && two.card(0).is_none());
}
