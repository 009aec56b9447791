//! Actors: messages between VMs, waiting, limits and ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use strata::Lua;
use strata::actors::{
    ActorRef, AskError, Config, Data, Limits, Message, Options, Reason, SendError, SpawnError,
    System,
};

/// Longer than anything takes here.
const LONG: Duration = Duration::from_secs(60);

fn system() -> System {
    with_threads(2)
}

fn with_threads(threads: usize) -> System {
    System::new(Config {
        threads,
        ..Config::default()
    })
    .unwrap()
}

fn spawn(system: &System, source: &str) -> ActorRef {
    spawn_with(system, source, Options::default())
}

fn spawn_with(system: &System, source: &str, options: Options) -> ActorRef {
    let program = system.program(source, "test").unwrap();
    system.spawn(&program, options).unwrap()
}

fn message(name: &str) -> Message {
    Message::new().with(name)
}

const COUNTER: &str = "
    local n = ... or 0
    return {
      add = function(k) n = n + k; return n end,
      get = function() return n end,
      fail = function() error('broken') end,
      sleep = function(s) actors.sleep(s) return 'awake' end,
      spin = function() while true do pcall(function() while true do end end) end end,
      eat = function() local t = {} while true do t[#t + 1] = ('x'):rep(100) .. #t end end,
    }";

#[test]
fn requests_are_answered_in_order_and_state_is_kept() {
    let system = system();
    let options = Options {
        args: Message::new().with(40),
        ..Options::default()
    };
    let counter = spawn_with(&system, COUNTER, options);
    for _ in 0..10 {
        counter.send(message("add").with(1)).unwrap();
    }
    let reply = counter.ask(message("get"), LONG).unwrap();
    assert_eq!(reply.integer(0), Some(50));
    assert_eq!(counter.figures().handled, 11);
    assert!(counter.figures().memory > 1000);
}

#[test]
fn an_actor_that_ended_says_why() {
    let system = system();
    let counter = spawn(&system, COUNTER);
    let failed = counter.ask(message("fail"), LONG);
    let Err(AskError::Ended(reason)) = failed else {
        panic!("{failed:?}");
    };
    assert!(reason.is_failure());
    let Reason::Failed(text, Some(traceback)) = &*reason else {
        panic!("{reason:?}");
    };
    assert_eq!(text, "test:6: broken");
    assert!(traceback.contains("stack traceback"), "{traceback}");
    assert!(matches!(*counter.join(LONG).unwrap(), Reason::Failed(..)));
    let sent = counter.send(message("get"));
    assert!(matches!(sent, Err(SendError::Ended(_))), "{sent:?}");
    let asked = counter.ask(message("get"), LONG);
    let ended = matches!(asked, Err(AskError::Send(SendError::Ended(_))));
    assert!(ended, "{asked:?}");
    assert!(system.is_empty());
}

#[test]
fn who_waits_in_the_mailbox_of_an_actor_that_ends_is_told_at_once() {
    let system = Arc::new(system());
    let slow = spawn(&system, COUNTER);
    slow.send(message("sleep").with(0.2)).unwrap();
    slow.send(message("fail")).unwrap();
    let begun = Instant::now();
    let asked = slow.ask(message("get"), LONG);
    assert!(
        matches!(asked, Err(AskError::Send(SendError::Ended(_)))),
        "{asked:?}"
    );
    assert!(begun.elapsed() < LONG / 2);
}

#[test]
fn an_unknown_handler_is_an_error_for_who_asks_alone() {
    let system = system();
    let counter = spawn(&system, COUNTER);
    let asked = counter.ask(message("nothing"), LONG);
    let known = matches!(&asked, Err(AskError::NoHandler(name)) if name == "nothing");
    assert!(known, "{asked:?}");
    counter.send(Message::new().with(7)).unwrap();
    assert!(counter.ask(message("get"), LONG).is_ok());
}

#[test]
fn a_full_mailbox_refuses_or_lets_wait() {
    let system = system();
    let limits = Limits {
        mailbox: 10,
        ..Limits::default()
    };
    let options = Options {
        limits: Some(limits),
        ..Options::default()
    };
    let slow = spawn_with(&system, COUNTER, options);
    slow.send(message("sleep").with(0.5)).unwrap();
    while slow.figures().handled == 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut sent = 0;
    let refused = loop {
        match slow.send(message("add").with(1)) {
            Ok(()) => sent += 1,
            Err(why) => break why,
        }
        assert!(sent <= 10, "the mailbox is bounded");
    };
    assert!(matches!(refused, SendError::Full), "{refused:?}");
    let soon = slow.send_within(message("add").with(1), Duration::from_millis(10));
    assert!(matches!(soon, Err(SendError::Full)), "{soon:?}");
    slow.send_within(message("add").with(1), LONG).unwrap();
    let n = slow.ask(message("get"), LONG).unwrap().integer(0);
    assert_eq!(n, Some(sent + 1));
    let huge = Message::new().with("x".repeat(65 << 20));
    assert!(matches!(slow.send(huge), Err(SendError::TooLarge(..))));
}

#[test]
fn actors_wait_for_room_in_the_mailboxes_of_others() {
    let system = system();
    let limits = Limits {
        mailbox: 4,
        ..Limits::default()
    };
    let options = Options {
        limits: Some(limits),
        ..Options::default()
    };
    let counter = spawn_with(&system, COUNTER, options);
    let producer = spawn(
        &system,
        "return function(to, n)
           for i = 1, n do assert(to:send_within(60, 'add', 1)) end
           return to:ask_within(60, 'get')
         end",
    );
    let reply = producer
        .ask(Message::new().with(&counter).with(5000), LONG)
        .unwrap();
    assert_eq!(reply.integer(0), Some(5000));
    // To one that ended there is no room to wait for.
    counter.kill();
    counter.join(LONG).unwrap();
    let again = producer.ask(Message::new().with(&counter).with(1), LONG);
    assert!(again.unwrap_err().to_string().contains("ended"));
}

#[test]
fn waits_end_in_time() {
    let system = with_threads(1);
    let counter = spawn(&system, COUNTER);
    let late = counter.ask(message("sleep").with(0.3), Duration::from_millis(20));
    assert!(matches!(late, Err(AskError::Timeout)), "{late:?}");
    // Its late reply is nobody's; the next one is ours.
    let n = counter.ask(message("add").with(3), LONG).unwrap();
    assert_eq!(n.integer(0), Some(3));
    // Two that ask each other: the time limit is what ends that.
    let source = "local other
        return {
          meet = function(o) other = o end,
          go = function() return pcall(other.ask_within, other, 0.1, 'go') end,
        }";
    let (a, b) = (spawn(&system, source), spawn(&system, source));
    a.send(message("meet").with(&b)).unwrap();
    b.send(message("meet").with(&a)).unwrap();
    let reply = a.ask(message("go"), LONG).unwrap();
    assert_eq!(reply.len(), 2, "{reply:?}");
}

#[test]
fn receiving_programs_need_no_handlers() {
    let system = system();
    let program = spawn(
        &system,
        "local sum = 0
         while true do
           local what, n = actors.receive(60)
           if what == 'add' then sum = sum + n
           elseif what == 'get' then actors.reply(sum)
           elseif what == 'none' then actors.reply(select('#', actors.receive(0.01)))
           elseif what == 'end' then return end
         end",
    );
    program.send(message("add").with(4)).unwrap();
    program.send(message("add").with(5)).unwrap();
    assert_eq!(
        program.ask(message("get"), LONG).unwrap().integer(0),
        Some(9)
    );
    // What another `receive` has taken the place of gets no reply.
    assert!(matches!(
        program.ask(message("add").with(1), LONG),
        Err(AskError::NoReply) | Err(AskError::Timeout)
    ));
    program.send(message("end")).unwrap();
    assert!(matches!(*program.join(LONG).unwrap(), Reason::Returned));
}

#[test]
fn routers_pass_requests_on() {
    let system = system();
    let worker = "return function(n) return actors.self():id(), n * n end";
    let workers: Vec<ActorRef> = (0..3).map(|_| spawn(&system, worker)).collect();
    let router = spawn_with(
        &system,
        "local workers, next = ..., 0
         return function(...)
           next = next % #workers + 1
           actors.forward(workers[next], ...)
         end",
        Options {
            args: Message::new().with(Data::list(workers.clone())),
            ..Options::default()
        },
    );
    for n in 0..9 {
        let reply = router.ask(Message::new().with(n), LONG).unwrap();
        let worker = &workers[n as usize % 3];
        assert_eq!(reply.integer(0), Some(worker.id() as i64));
        assert_eq!(reply.integer(1), Some(i64::from(n * n)));
    }
    workers[0].kill();
    workers[0].join(LONG).unwrap();
    let asked = router.ask(Message::new().with(1), LONG);
    assert!(
        matches!(asked, Err(AskError::Send(SendError::Ended(_)))),
        "{asked:?}"
    );
}

#[test]
fn who_gives_way_lets_others_run() {
    let system = with_threads(1);
    let greedy = spawn(
        &system,
        "local rounds, go = 0, true
         local me = actors.self()
         return {
           run = function() while go do rounds = rounds + 1 coroutine.yield() end return rounds end,
         }",
    );
    greedy.send(message("run")).unwrap();
    let counter = spawn(&system, COUNTER);
    for _ in 0..20 {
        assert!(counter.ask(message("add").with(1), LONG).is_ok());
    }
    greedy.kill();
    assert!(matches!(*greedy.join(LONG).unwrap(), Reason::Killed));
}

#[test]
fn waiting_is_refused_where_it_cannot_be_done() {
    let system = system();
    let odd = spawn(
        &system,
        "return {
           coroutine = function()
             return coroutine.wrap(function() return pcall(actors.sleep, 0) end)()
           end,
           sort = function()
             return pcall(table.sort, { 1, 2, 3 }, function() actors.sleep(0) end)
           end,
           itself = function() return pcall(actors.self().ask, actors.self()) end,
           time = function() return pcall(actors.sleep, -1) end,
         }",
    );
    for (name, words) in [
        ("coroutine", "inside of a coroutine"),
        ("sort", "a function that a library calls"),
        ("itself", "cannot ask itself"),
        ("time", "a time in seconds expected"),
    ] {
        let reply = odd.ask(message(name), LONG).unwrap();
        assert!(!reply.get(0).is_truthy(), "{name}: {reply:?}");
        let text = reply.str(1).unwrap();
        assert!(text.contains(words), "{name}: {text}");
    }
}

/// One that reaches a limit ends; the others go on.
fn reaches(handler: &str, limits: Limits, is_it: impl Fn(&Reason) -> bool) {
    let system = system();
    let others: Vec<ActorRef> = (0..8).map(|_| spawn(&system, COUNTER)).collect();
    let options = Options {
        limits: Some(limits),
        ..Options::default()
    };
    let greedy = spawn_with(&system, COUNTER, options);
    assert!(greedy.ask(message("add").with(1), LONG).is_ok());
    for other in &others {
        other.send(message("add").with(1)).unwrap();
    }
    let asked = greedy.ask(message(handler), LONG);
    let Err(AskError::Ended(reason)) = asked else {
        panic!("{asked:?}");
    };
    assert!(is_it(&reason), "{reason:?}");
    assert!(is_it(&greedy.join(LONG).unwrap()));
    for other in &others {
        let reply = other.ask(message("add").with(1), LONG).unwrap();
        assert_eq!(reply.integer(0), Some(2));
    }
    assert_eq!(system.len(), 8);
}

#[test]
fn a_memory_limit_ends_one_actor() {
    let limits = Limits {
        memory: Some(4 << 20),
        ..Limits::default()
    };
    reaches("eat", limits, |r| r.name() == "memory limit");
}

#[test]
fn an_instruction_limit_ends_one_actor() {
    let limits = Limits {
        instructions: Some(1_000_000),
        ..Limits::default()
    };
    reaches("spin", limits, |r| r.name() == "instruction limit");
}

#[test]
fn a_time_limit_ends_one_actor() {
    let limits = Limits {
        time: Some(Duration::from_millis(100)),
        ..Limits::default()
    };
    reaches("spin", limits, |r| r.name() == "time limit");
}

#[test]
fn limits_are_for_each_message_and_not_for_waiting() {
    let system = system();
    let limits = Limits {
        time: Some(Duration::from_secs(2)),
        instructions: Some(20_000),
        ..Limits::default()
    };
    let options = Options {
        limits: Some(limits),
        ..Options::default()
    };
    let program = "return function(n, s)
        for i = 1, n do end
        if s then actors.sleep(s) end
        return n
      end";
    let actor = spawn_with(&system, program, options);
    for _ in 0..20 {
        assert!(actor.ask(Message::new().with(5_000), LONG).is_ok());
    }
    let waits = Message::new().with(10).with(2.5);
    assert!(actor.ask(waits, LONG).is_ok());
    assert!(actor.ask(Message::new().with(50_000), LONG).is_err());
}

#[test]
fn a_finalizer_that_never_ends_does() {
    let system = with_threads(1);
    let actor = spawn(
        &system,
        "x = setmetatable({}, { __gc = function() while true do end end }) return function() end",
    );
    assert!(actor.ask(Message::new(), LONG).is_ok());
    actor.kill();
    assert!(actor.join(LONG).is_some());
    assert!(spawn(&system, COUNTER).ask(message("get"), LONG).is_ok());
}

#[test]
fn stopping_comes_after_what_was_sent_and_killing_does_not() {
    let system = system();
    let counter = spawn(&system, COUNTER);
    counter.send(message("sleep").with(0.05)).unwrap();
    for _ in 0..100 {
        counter.send(message("add").with(1)).unwrap();
    }
    counter.stop();
    assert!(matches!(*counter.join(LONG).unwrap(), Reason::Stopped));
    assert_eq!(counter.figures().handled, 101);
    let spinning = spawn(&system, COUNTER);
    spinning.send(message("spin")).unwrap();
    assert!(spinning.join(Duration::from_millis(50)).is_none());
    spinning.kill();
    assert!(matches!(*spinning.join(LONG).unwrap(), Reason::Killed));
    // Ending what has ended is nothing new.
    spinning.kill();
    spinning.stop();
}

#[test]
fn programs_that_do_not_start_say_so() {
    let system = system();
    assert!(system.program("return return", "bad").is_err());
    assert!(system.program(b"\x1bnonsense", "bad").is_err());
    let wrong = spawn(&system, "return 42");
    let reason = wrong.join(LONG).unwrap();
    assert!(
        reason.to_string().contains("returned a number value"),
        "{reason}"
    );
    let fails = spawn(&system, "error('no')");
    assert_eq!(fails.join(LONG).unwrap().name(), "error");
    let small = Options {
        limits: Some(Limits {
            memory: Some(1000),
            ..Limits::default()
        }),
        ..Options::default()
    };
    let small = spawn_with(&system, COUNTER, small);
    let reason = small.join(LONG).unwrap();
    assert!(matches!(*reason, Reason::Unstartable(_)), "{reason:?}");
}

#[test]
fn what_is_limited_for_all_is_used_up() {
    let system = System::new(Config {
        threads: 1,
        actors: 2,
        memory: Some(10 << 20),
        ..Config::default()
    })
    .unwrap();
    let program = system.program(COUNTER, "test").unwrap();
    let limited = |memory| Options {
        limits: Some(Limits {
            memory,
            ..Limits::default()
        }),
        ..Options::default()
    };
    let spawn = |memory| system.spawn(&program, limited(memory));
    assert!(matches!(spawn(None), Err(SpawnError::NoMemoryLimit)));
    let first = spawn(Some(8 << 20)).unwrap();
    assert!(matches!(spawn(Some(4 << 20)), Err(SpawnError::Memory(_, left)) if left == 2 << 20));
    let second = spawn(Some(2 << 20)).unwrap();
    assert!(matches!(spawn(Some(1)), Err(SpawnError::TooMany(2))));
    first.kill();
    first.join(LONG).unwrap();
    second.kill();
    second.join(LONG).unwrap();
    assert!(spawn(Some(10 << 20)).is_ok());
}

#[test]
fn names_are_unique_and_free_again() {
    let system = system();
    let named = || Options {
        name: Some("the one".into()),
        ..Options::default()
    };
    let program = system.program(COUNTER, "test").unwrap();
    let first = system.spawn(&program, named()).unwrap();
    assert_eq!(system.find("the one"), Some(first.clone()));
    assert!(matches!(
        system.spawn(&program, named()),
        Err(SpawnError::NameTaken(_))
    ));
    first.kill();
    first.join(LONG).unwrap();
    assert_eq!(system.find("the one"), None);
    assert!(system.spawn(&program, named()).is_ok());
}

#[test]
fn a_host_function_that_panics_ends_one_actor() {
    let calls = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&calls);
    let system = System::new(Config {
        threads: 1,
        setup: Some(Arc::new(move |lua: &Lua| {
            let seen = Arc::clone(&seen);
            let f = lua.create_function(move |_, panics: bool| {
                seen.fetch_add(1, Ordering::Relaxed);
                assert!(!panics, "on purpose");
                Ok(7)
            })?;
            lua.globals().set("host", f)
        })),
        ..Config::default()
    })
    .unwrap();
    let source = "return function(p) return host(p) end";
    let (a, b) = (spawn(&system, source), spawn(&system, source));
    assert_eq!(
        a.ask(Message::new().with(false), LONG).unwrap().integer(0),
        Some(7)
    );
    let asked = a.ask(Message::new().with(true), LONG);
    let Err(AskError::Ended(reason)) = asked else {
        panic!("{asked:?}");
    };
    assert!(
        matches!(&*reason, Reason::Panicked(text) if text.contains("on purpose")),
        "{reason:?}"
    );
    assert!(b.ask(Message::new().with(false), LONG).is_ok());
    assert_eq!(calls.load(Ordering::Relaxed), 3);
}

#[test]
fn a_reply_that_cannot_be_sent_is_an_error_of_who_replies() {
    let system = system();
    let actor = spawn(
        &system,
        "return function() return 1, coroutine.create(print) end",
    );
    let asked = actor.ask(Message::new(), LONG);
    let text = asked.unwrap_err().to_string();
    assert!(
        text.contains("message value 2: a coroutine cannot be sent"),
        "{text}"
    );
    assert_eq!(actor.join(LONG).unwrap().name(), "error");
}

#[test]
fn a_function_of_the_host_may_shut_its_own_system_down() {
    let slot: Arc<parking_lot::Mutex<Option<System>>> = Arc::default();
    let inside = Arc::clone(&slot);
    let system = System::new(Config {
        threads: 2,
        setup: Some(Arc::new(move |lua: &Lua| {
            let inside = Arc::clone(&inside);
            let f = lua.create_function(move |_, ()| {
                drop(inside.lock().take());
                Ok(())
            })?;
            lua.globals().set("shut_down", f)
        })),
        ..Config::default()
    })
    .unwrap();
    let (one, other) = (
        spawn(&system, "return function() shut_down() end"),
        spawn(&system, COUNTER),
    );
    *slot.lock() = Some(system);
    one.send(Message::new()).unwrap();
    assert_eq!(one.join(LONG).unwrap().name(), "shutdown");
    assert_eq!(other.join(LONG).unwrap().name(), "shutdown");
}

#[test]
fn a_system_shuts_down_while_everything_is_busy() {
    let system = system();
    let spinning: Vec<ActorRef> = (0..6).map(|_| spawn(&system, COUNTER)).collect();
    for actor in &spinning {
        actor.send(message("spin")).unwrap();
    }
    let waiting = spawn(&system, COUNTER);
    waiting.send(message("sleep").with(3600)).unwrap();
    let asker = waiting.clone();
    let asked = std::thread::spawn(move || asker.ask(Message::new().with("get"), LONG));
    std::thread::sleep(Duration::from_millis(50));
    let begun = Instant::now();
    system.shutdown();
    assert!(begun.elapsed() < LONG / 2);
    assert!(asked.join().unwrap().is_err());
    assert!(system.is_empty());
    for actor in &spinning {
        assert!(matches!(*actor.reason().unwrap(), Reason::Shutdown));
    }
    let program = system.program(COUNTER, "test").unwrap();
    let late = system.spawn(&program, Options::default());
    assert!(matches!(late, Err(SpawnError::Shutdown)), "{late:?}");
    system.shutdown();
}

#[test]
fn systems_end_with_compiles_under_way() {
    let work = "return function(n)
        local t, s = {}, 0.0
        for i = 1, n do t[i % 64 + 1] = i * 0.5 s = s + (t[(i * 7) % 64 + 1] or 0) end
        return s
      end";
    for round in 0..6 {
        let system = system();
        let actors: Vec<ActorRef> = (0..10).map(|_| spawn(&system, work)).collect();
        for actor in &actors {
            actor.send(Message::new().with(100_000)).unwrap();
        }
        std::thread::sleep(Duration::from_millis(round * 3));
        drop(system);
        for actor in &actors {
            assert!(actor.reason().is_some());
        }
    }
}

#[test]
fn systems_know_nothing_of_each_other() {
    let (a, b) = (system(), system());
    let (x, y) = (spawn(&a, COUNTER), spawn(&b, COUNTER));
    assert_eq!(x.id(), y.id());
    assert!(x != y);
    x.send(message("add").with(5)).unwrap();
    assert_eq!(x.ask(message("get"), LONG).unwrap().integer(0), Some(5));
    assert_eq!(y.ask(message("get"), LONG).unwrap().integer(0), Some(0));
    // A reference of another system is an address like others.
    let asker = spawn(&b, "return function(other) return other:ask('get') end");
    let reply = asker.ask(Message::new().with(&x), LONG).unwrap();
    assert_eq!(reply.integer(0), Some(5));
    drop(a);
    assert!(asker.ask(Message::new().with(&x), LONG).is_err());
    assert!(y.ask(message("get"), LONG).is_ok());
}

#[test]
fn a_vm_of_the_host_takes_part() {
    let system = system();
    let lua = Lua::new();
    let me = system.attach(&lua).unwrap();
    assert!(system.attach(&lua).is_err());
    let text: String = lua
        .load(
            "local actors = require 'actors'
             local echo = actors.spawn(function()
               return function(to, ...) to:send(...) return 'sent' end
             end)
             local sent = echo:ask(actors.self(), 'a', 'b')
             local a, b = actors.receive(60)
             assert(actors.sender() == echo)
             assert(select('#', actors.receive(0)) == 0)
             echo:stop()
             local why = echo:join(60)
             return sent .. a .. b .. why",
        )
        .eval()
        .unwrap();
    assert_eq!(text, "sentabstopped");
    me.send(message("hello")).unwrap();
    let text: String = lua
        .load("return (require 'actors').receive(60)")
        .eval()
        .unwrap();
    assert_eq!(text, "hello");
    lua.set_time_limit(Some(Duration::from_millis(50))).unwrap();
    let waits = lua.load("require('actors').receive()").exec();
    assert!(waits.unwrap_err().to_string().contains("time limit"));
}

#[cfg(target_os = "linux")]
#[test]
fn many_actors_share_few_threads() {
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    let system = system();
    let program = system
        .program(
            "return function(n)
               local s = 0
               for i = 1, n do s = s + i % 7 end
               return s
             end",
            "test",
        )
        .unwrap();
    let limits = Limits {
        time: Some(LONG),
        ..Limits::default()
    };
    let start = || {
        let limits = Some(limits);
        let options = Options {
            limits,
            ..Options::default()
        };
        system.spawn(&program, options).unwrap()
    };
    let actors: Vec<ActorRef> = (0..200).map(|_| start()).collect();
    for actor in &actors {
        actor.send(Message::new().with(20_000)).unwrap();
    }
    let during = threads();
    for actor in &actors {
        let reply = actor.ask(Message::new().with(7), LONG).unwrap();
        assert_eq!(reply.integer(0), Some(21));
    }
    // Other tests of this process have their own, a dozen each at most.
    assert!(during < 200, "{during} threads");
}

#[test]
fn a_thousand_actors_lose_nothing_while_one_of_them_is_ended() {
    const ACTORS: i64 = 1000;
    const MESSAGES: i64 = 100_000;
    let system = system();
    let program = system.program(COUNTER, "test").unwrap();
    let limits = Limits {
        memory: Some(4 << 20),
        ..Limits::default()
    };
    let start = |_| {
        let options = Options {
            limits: Some(limits),
            ..Options::default()
        };
        system.spawn(&program, options).unwrap()
    };
    let actors: Vec<ActorRef> = (0..ACTORS).map(start).collect();
    let victim = start(0);
    std::thread::scope(|scope| {
        for part in 0..2 {
            let (actors, victim) = (&actors, &victim);
            scope.spawn(move || {
                for n in 0..MESSAGES / 2 {
                    let to = &actors[((n * 7 + part) % ACTORS) as usize];
                    to.send_within(message("add").with(n), LONG).unwrap();
                    if n == MESSAGES / 4 && part == 0 {
                        victim.send(message("eat")).unwrap();
                    }
                }
            });
        }
    });
    let sum: i64 = actors
        .iter()
        .map(|actor| actor.ask(message("get"), LONG).unwrap().integer(0).unwrap())
        .sum();
    let half = MESSAGES / 2;
    assert_eq!(sum, half * (half - 1));
    assert_eq!(victim.join(LONG).unwrap().name(), "memory limit");
    assert_eq!(system.len(), ACTORS as usize);
    system.shutdown();
    assert!(system.is_empty());
}
