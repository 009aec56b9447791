//! Supervision of actors: beginning anew, giving up, being told.

use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{Duration, Instant};
use strata::actors::{
    ActorRef, Config, Data, Message, Options, Reason, Restart, Strategy, Supervision, Supervisor,
    System,
};

const LONG: Duration = Duration::from_secs(60);

const COUNTER: &str = "
    local n = 0
    return {
      add = function(k) n = n + k; return n end,
      fail = function() error('broken') end,
      sleep = function(s) actors.sleep(s) end,
      spin = function() while true do end end,
    }";

fn system() -> System {
    System::new(Config {
        threads: 2,
        ..Config::default()
    })
    .unwrap()
}

fn supervised(system: &System, source: &str, supervisor: &Supervisor) -> ActorRef {
    let program = system.program(source, "test").unwrap();
    let options = Options {
        supervisor: Some(supervisor.clone()),
        ..Options::default()
    };
    system.spawn(&program, options).unwrap()
}

fn message(name: &str) -> Message {
    Message::new().with(name)
}

fn add(actor: &ActorRef) -> Option<i64> {
    actor.ask(message("add").with(1), LONG).unwrap().integer(0)
}

#[test]
fn one_begins_anew_with_its_address_and_what_waits() {
    let system = system();
    let supervisor = Supervisor::new(Supervision::default());
    let actor = supervised(&system, COUNTER, &supervisor);
    let other = supervised(&system, COUNTER, &supervisor);
    assert_eq!(
        (add(&actor), add(&actor), add(&other)),
        (Some(1), Some(2), Some(1))
    );
    actor.send(message("sleep").with(0.05)).unwrap();
    actor.send(message("fail")).unwrap();
    // Sent before it failed, handled after it began anew.
    assert_eq!(add(&actor), Some(1));
    assert_eq!(add(&other), Some(2));
    assert_eq!((actor.figures().restarts, other.figures().restarts), (1, 0));
    assert_eq!(supervisor.actors().len(), 2);
}

#[test]
fn all_begin_anew_together() {
    let system = system();
    let supervisor = Supervisor::new(Supervision {
        strategy: Strategy::OneForAll,
        ..Supervision::default()
    });
    let actors: Vec<ActorRef> = (0..3)
        .map(|_| supervised(&system, COUNTER, &supervisor))
        .collect();
    for actor in &actors {
        assert_eq!(add(actor), Some(1));
    }
    // One of the others is in the middle of something.
    actors[1].send(message("spin")).unwrap();
    assert!(actors[0].ask(message("fail"), LONG).is_err());
    for actor in &actors {
        let begun = Instant::now();
        while actor.figures().restarts == 0 {
            assert!(begun.elapsed() < LONG, "{actor:?} did not begin anew");
            std::thread::sleep(Duration::from_millis(2));
        }
        assert_eq!(add(actor), Some(1));
        assert_eq!(actor.figures().restarts, 1);
    }
    assert!(!supervisor.gave_up());
}

#[test]
fn who_fails_too_often_is_given_up_and_so_are_the_others() {
    let system = system();
    let events = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&events);
    let supervisor = Supervisor::new(Supervision {
        restarts: 2,
        within: LONG,
        observer: Some(Arc::new(move |event| {
            let event = (event.actor.id(), event.reason.name(), event.restarted);
            seen.lock().push(event);
        })),
        ..Supervision::default()
    });
    let actor = supervised(&system, COUNTER, &supervisor);
    let other = supervised(&system, COUNTER, &supervisor);
    for _ in 0..3 {
        assert!(!supervisor.gave_up());
        assert!(actor.ask(message("fail"), LONG).is_err());
    }
    assert!(matches!(*actor.join(LONG).unwrap(), Reason::Failed(..)));
    assert!(matches!(*other.join(LONG).unwrap(), Reason::Supervisor(_)));
    assert!(supervisor.gave_up() && supervisor.actors().is_empty());
    let (a, b) = (actor.id(), other.id());
    let expected = [
        (a, "error", true),
        (a, "error", true),
        (a, "error", false),
        (b, "supervisor", false),
    ];
    let mut events = events.lock().clone();
    events.sort_by_key(|e| e.0);
    assert_eq!(events, expected);
}

#[test]
fn an_actor_that_always_begins_anew_does_not_after_being_stopped() {
    let system = system();
    let rule = |restart| Supervision {
        restart,
        restarts: 1000,
        within: LONG,
        ..Supervision::default()
    };
    let always = Supervisor::new(rule(Restart::Always));
    let once = "actors.receive(60)";
    let actor = supervised(&system, once, &always);
    for n in 1..5 {
        actor.send(Message::new()).unwrap();
        let begun = Instant::now();
        while actor.figures().restarts < n {
            assert!(begun.elapsed() < LONG);
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    actor.stop();
    assert!(matches!(*actor.join(LONG).unwrap(), Reason::Stopped));
    let on_failure = Supervisor::new(rule(Restart::OnFailure));
    let actor = supervised(&system, once, &on_failure);
    actor.send(Message::new()).unwrap();
    assert!(matches!(*actor.join(LONG).unwrap(), Reason::Returned));
    let never = Supervisor::new(rule(Restart::Never));
    let actor = supervised(&system, COUNTER, &never);
    assert!(actor.ask(message("fail"), LONG).is_err());
    assert!(matches!(*actor.join(LONG).unwrap(), Reason::Failed(..)));
}

#[test]
fn beginning_anew_waits_longer_each_time() {
    let system = system();
    let supervisor = Supervisor::new(Supervision {
        backoff: Duration::from_millis(40),
        restarts: 5,
        within: LONG,
        ..Supervision::default()
    });
    let actor = supervised(&system, COUNTER, &supervisor);
    let begun = Instant::now();
    for _ in 0..3 {
        assert!(actor.ask(message("fail"), LONG).is_err());
    }
    assert_eq!(add(&actor), Some(1));
    assert!(begun.elapsed() >= Duration::from_millis(40 + 80 + 160));
    // One that waits to begin anew can be ended.
    assert!(actor.ask(message("fail"), LONG).is_err());
    actor.kill();
    assert!(matches!(
        *actor.join(Duration::from_secs(30)).unwrap(),
        Reason::Killed
    ));
}

#[test]
fn actors_are_told_of_the_ends_of_others() {
    let system = system();
    let watcher = system
        .program(
            "local downs = {}
             return {
               watch = function(a) actors.monitor(a) end,
               down = function(a, reason, text, anew)
                 downs[#downs + 1] = { a:id(), reason, text, anew }
               end,
               downs = function() return downs end,
             }",
            "watcher",
        )
        .unwrap();
    let watcher = system.spawn(&watcher, Options::default()).unwrap();
    let supervisor = Supervisor::new(Supervision {
        restarts: 1,
        ..Supervision::default()
    });
    let actor = supervised(&system, COUNTER, &supervisor);
    let watch = message("watch").with(Data::from(&actor));
    assert!(watcher.ask(watch.clone(), LONG).is_ok());
    for _ in 0..2 {
        assert!(actor.ask(message("fail"), LONG).is_err());
    }
    actor.join(LONG).unwrap();
    // What has ended already is told of at once.
    assert!(watcher.ask(watch, LONG).is_ok());
    let begun = Instant::now();
    loop {
        let reply = watcher.ask(message("downs"), LONG).unwrap();
        let downs = reply.get(0).as_table().unwrap();
        if downs.len() == 3 {
            let anew: Vec<bool> = (1..4)
                .map(|n| {
                    let down = downs.index(n).as_table().unwrap();
                    assert_eq!(down.index(1).as_integer(), Some(actor.id() as i64));
                    assert_eq!(down.index(2).as_str(), Some("error"));
                    assert_eq!(down.index(3).as_str(), Some("test:5: broken"));
                    down.index(4).is_truthy()
                })
                .collect();
            assert_eq!(anew, [true, false, false]);
            break;
        }
        assert!(begun.elapsed() < LONG, "{} were told", downs.len());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A program that supervises actors of its own, so often: its first argument says how
/// many levels there are below it.
const BOSS: &str = "
    local function boss(depth, restarts, collector)
      local supervisor = actors.supervisor{ restarts = restarts, within = 1000, escalate = true }
      local function worker()
        return { fail = function() error('broken') end, id = function() return actors.self():id() end }
      end
      local options = { supervisor = supervisor, args = { depth - 1, restarts, collector } }
      local below = actors.spawn(depth > 1 and boss or worker, options)
      local beside = actors.spawn(worker, options)
      collector:send('new', depth, below, beside)
      return {
        fail = function() error('broken') end,
        id = function() return actors.self():id() end,
      }
    end
    return boss(...)";

/// Remembers who is there now, by level.
const COLLECTOR: &str = "
    local last, made = {}, {}
    return {
      new = function(depth, ...) last[depth] = { ... } made[depth] = (made[depth] or 0) + 1 end,
      made = function(depth) return made[depth] or 0 end,
      last = function(depth) return table.unpack(last[depth]) end,
    }";

struct Bosses {
    system: System,
    supervisor: Supervisor,
    top: ActorRef,
    collector: ActorRef,
}

impl Bosses {
    /// So many levels, each of which may begin anew so often.
    fn new(levels: i64, restarts: u32) -> Bosses {
        let system = system();
        let program = system.program(COLLECTOR, "collector").unwrap();
        let collector = system.spawn(&program, Options::default()).unwrap();
        let supervisor = Supervisor::new(Supervision {
            restarts,
            within: LONG * 100,
            ..Supervision::default()
        });
        let program = system.program(BOSS, "boss").unwrap();
        let args = Message::new().with(levels).with(i64::from(restarts));
        let options = Options {
            supervisor: Some(supervisor.clone()),
            args: args.with(&collector),
            ..Options::default()
        };
        let top = system.spawn(&program, options).unwrap();
        Bosses {
            system,
            supervisor,
            top,
            collector,
        }
    }

    /// How often the actors of a level were started.
    fn made(&self, level: i64) -> Option<i64> {
        let reply = self.collector.ask(message("made").with(level), LONG);
        reply.unwrap().integer(0)
    }

    /// The actors of a level, once they were started so often.
    fn level(&self, level: i64, times: i64) -> [ActorRef; 2] {
        let begun = Instant::now();
        while self.made(level) < Some(times) {
            assert!(
                begun.elapsed() < LONG,
                "level {level}: {:?}",
                self.made(level)
            );
            std::thread::sleep(Duration::from_millis(2));
        }
        let reply = self
            .collector
            .ask(message("last").with(level), LONG)
            .unwrap();
        [0, 1].map(|n| reply.get(n).as_actor().unwrap().clone())
    }
}

fn fail(actor: &ActorRef) {
    assert!(actor.ask(message("fail"), LONG).is_err());
}

#[test]
fn who_supervises_fails_when_its_supervisor_gives_up() {
    let bosses = Bosses::new(1, 1);
    let [first, beside] = bosses.level(1, 1);
    // Once it begins anew; then it is not worth it, and its boss has to.
    fail(&first);
    assert_eq!(
        first.ask(message("id"), LONG).unwrap().integer(0),
        Some(first.id() as i64)
    );
    fail(&first);
    assert_eq!(first.join(LONG).unwrap().name(), "error");
    assert_eq!(beside.join(LONG).unwrap().name(), "supervisor");
    let [second, _] = bosses.level(1, 2);
    assert!(second != first);
    assert_eq!(bosses.top.figures().restarts, 1);
    assert!(second.ask(message("id"), LONG).is_ok());
    // And a second time: that was too often for the boss, too.
    fail(&second);
    fail(&second);
    let reason = bosses.top.join(LONG).unwrap();
    assert_eq!(reason.name(), "gave up");
    let text = "a supervisor of its own gave up: boss:5: broken";
    assert_eq!(reason.to_string(), text);
    assert!(bosses.supervisor.gave_up());
    assert_eq!(bosses.system.len(), 1, "the collector is left");
}

#[test]
fn failures_rise_level_by_level() {
    let bosses = Bosses::new(3, 0);
    let levels = [3, 2, 1].map(|level| bosses.level(level, 1));
    // It may not begin anew, nor may any of its bosses.
    fail(&levels[2][0]);
    let reason = bosses.top.join(LONG).unwrap();
    let prefix = "a supervisor of its own gave up: ".repeat(3);
    assert_eq!(reason.to_string(), format!("{prefix}boss:5: broken"));
    for actor in levels.iter().flatten() {
        let reason = actor.join(LONG).unwrap();
        assert!(reason.is_failure(), "{reason:?}");
    }
    assert_eq!(bosses.system.len(), 1);
}

#[test]
fn who_begins_anew_or_ends_takes_its_actors_with_it() {
    let bosses = Bosses::new(2, 5);
    let [boss, beside] = bosses.level(2, 1);
    let [worker, _] = bosses.level(1, 1);
    // One level begins anew: those below it are new ones, those beside it go on.
    fail(&boss);
    assert_eq!(worker.join(LONG).unwrap().name(), "supervisor");
    let [worker, _] = bosses.level(1, 2);
    assert!(worker.ask(message("id"), LONG).is_ok());
    assert_eq!((boss.figures().restarts, beside.figures().restarts), (1, 0));
    assert_eq!(bosses.made(2), Some(1));
    // Who is stopped does not begin anew, and nor does anything below it.
    boss.stop();
    assert_eq!(boss.join(LONG).unwrap().name(), "stopped");
    assert_eq!(worker.join(LONG).unwrap().name(), "supervisor");
    assert!(beside.ask(message("id"), LONG).is_ok());
    bosses.top.kill();
    assert_eq!(beside.join(LONG).unwrap().name(), "supervisor");
    assert_eq!(bosses.made(2), Some(1));
}

#[test]
fn what_is_spawned_for_an_owner_that_has_ended_ends() {
    let system = system();
    let program = system.program(COUNTER, "test").unwrap();
    let owner = system.spawn(&program, Options::default()).unwrap();
    let supervisor = Supervisor::owned(Supervision::default(), &owner);
    let before = supervised(&system, COUNTER, &supervisor);
    assert_eq!(add(&before), Some(1));
    owner.stop();
    assert_eq!(before.join(LONG).unwrap().name(), "supervisor");
    let after = supervised(&system, COUNTER, &supervisor);
    assert_eq!(after.join(LONG).unwrap().name(), "supervisor");
    let late = Supervisor::owned(Supervision::default(), &owner);
    let later = supervised(&system, COUNTER, &late);
    assert_eq!(later.join(LONG).unwrap().name(), "supervisor");
    // In a VM of the host there is nobody to end.
    let lua = strata::Lua::new();
    system.attach(&lua).unwrap();
    let refused = lua
        .load("require('actors').supervisor{ escalate = true }")
        .exec();
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("only in an actor")
    );
}
