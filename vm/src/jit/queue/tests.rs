use super::*;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

/// A closure as a job.
struct Do(Box<dyn FnOnce() -> u32 + Send>);

impl Job for Do {
    type Output = u32;
    type Tools = ();

    fn run(self, (): &mut ()) -> u32 {
        (self.0)()
    }
}

fn job(f: impl FnOnce() -> u32 + Send + 'static) -> Do {
    Do(Box::new(f))
}

fn queue(options: Options) -> Queue<Do> {
    Queue::new(options, None, || ())
}

fn delivering(delivery: Delivery, seed: u64) -> Queue<Do> {
    queue(Options {
        delivery,
        seed,
        ..Options::default()
    })
}

/// Takes until nothing is pending.
fn drain<J: Job>(queue: &mut Queue<J>) -> Vec<(u64, Result<J::Output, Failure>)> {
    let mut all = Vec::new();
    while queue.len() > 0 {
        all.extend(queue.take_ready());
        std::thread::yield_now();
    }
    all
}

/// Has the worker run a job until the sender is used or dropped.
fn busy(queue: &mut Queue<Do>, key: u64) -> Sender<()> {
    let (release, wait) = channel();
    let (started, running): (Sender<()>, Receiver<()>) = channel();
    let blocking = job(move || {
        started.send(()).unwrap();
        let _ = wait.recv();
        0
    });
    queue.submit(key, u32::MAX, blocking).unwrap();
    running.recv().unwrap();
    release
}

#[test]
fn a_worker_without_work_ends_and_starts_again() {
    /// What a worker holds.
    #[derive(Default)]
    struct Held(Option<Arc<()>>);
    struct Hold(Arc<()>);
    impl Job for Hold {
        type Output = bool;
        type Tools = Held;

        /// Whether the worker is the one that had the last job.
        fn run(self, held: &mut Held) -> bool {
            held.0.replace(self.0).is_some()
        }
    }
    let token = Arc::new(());
    let options = Options {
        idle: Duration::from_millis(20),
        ..Options::default()
    };
    let mut q: Queue<Hold> = Queue::new(options, None, || ());
    let ask = |q: &mut Queue<Hold>, key| {
        q.submit(key, 1, Hold(Arc::clone(&token))).unwrap();
        drain(q).pop().unwrap().1.unwrap()
    };
    assert!(!ask(&mut q, 1));
    for key in 2..5 {
        let patience = Instant::now() + Duration::from_secs(20);
        while Arc::strong_count(&token) > 1 {
            assert!(Instant::now() < patience, "the worker is still there");
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(!ask(&mut q, key), "a new one");
    }
}

#[test]
fn the_hottest_is_next() {
    let mut q = queue(Options::default());
    let release = busy(&mut q, 0);
    let order = Arc::new(Mutex::new(Vec::new()));
    for (key, priority) in [(1, 5), (2, 9), (3, 1), (4, 9)] {
        let order = Arc::clone(&order);
        let note = job(move || {
            order.lock().push(key);
            key as u32 * 10
        });
        q.submit(key, priority, note).unwrap();
        assert!(q.pending(key));
    }
    assert_eq!(q.take_ready().count(), 0);
    drop(release);
    let mut results = drain(&mut q);
    results.sort_by_key(|(key, _)| *key);
    let expected = [
        (0, Ok(0)),
        (1, Ok(10)),
        (2, Ok(20)),
        (3, Ok(30)),
        (4, Ok(40)),
    ];
    assert_eq!(results, expected);
    assert_eq!(*order.lock(), [2, 4, 1, 3]);
}

#[test]
fn cancelled_jobs_have_no_result() {
    let mut q = queue(Options::default());
    let release = busy(&mut q, 7);
    let ran = Arc::new(AtomicU32::new(0));
    let mut count = |key| {
        let ran = Arc::clone(&ran);
        let add = job(move || ran.fetch_add(1, Ordering::Relaxed));
        q.submit(key, 1, add).unwrap();
    };
    count(1);
    count(2);
    q.cancel(1);
    q.cancel(99);
    // The one that runs is let finish.
    q.cancel(7);
    assert!(!q.pending(7) && !q.pending(1) && q.pending(2));
    drop(release);
    assert_eq!(drain(&mut q), [(2, Ok(0))]);
    assert_eq!(ran.load(Ordering::Relaxed), 1);
    // One that is done and not taken.
    q.submit(3, 1, job(|| 5)).unwrap();
    q.submit(4, 0, job(|| 6)).unwrap();
    while q.shared.state.lock().done.len() < 2 {
        std::thread::yield_now();
    }
    q.cancel(3);
    assert_eq!(drain(&mut q), [(4, Ok(6))]);
    let left = q.shared.state.lock().done.len();
    assert_eq!(left, 0);
    assert_eq!(
        Arc::strong_count(&ran),
        1,
        "jobs that did not run are dropped"
    );
}

#[test]
fn a_new_job_replaces_the_one_of_its_key() {
    let mut q = queue(Options::default());
    let release = busy(&mut q, 1);
    q.submit(2, 1, job(|| 1)).unwrap();
    q.submit(2, 1, job(|| 2)).unwrap();
    // Also the one that runs.
    q.submit(1, 1, job(|| 3)).unwrap();
    drop(release);
    let mut results = drain(&mut q);
    results.sort_by_key(|(key, _)| *key);
    assert_eq!(results, [(1, Ok(3)), (2, Ok(2))]);
}

#[test]
fn jobs_that_wait_are_given_back() {
    let mut q = queue(Options::default());
    let release = busy(&mut q, 0);
    q.submit(1, 0, job(|| 11)).unwrap();
    q.submit(2, 0, job(|| 22)).unwrap();
    // One runs, one is unknown.
    assert!(q.take_back(0).is_none() && q.take_back(9).is_none());
    assert_eq!(q.take_back(1).map(|job| job.run(&mut ())), Some(11));
    assert!(!q.pending(1) && q.take_back(1).is_none());
    drop(release);
    let mut results = drain(&mut q);
    results.sort_by_key(|(key, _)| *key);
    assert_eq!(results, [(0, Ok(0)), (2, Ok(22))]);

    let mut q = delivering(Delivery::Delay(2), 1);
    q.submit(1, 0, job(|| 1)).unwrap();
    assert!(q.take_back(1).is_none());
}

#[test]
fn the_coldest_makes_room() {
    let mut q = queue(Options {
        length: 2,
        ..Options::default()
    });
    let release = busy(&mut q, 0);
    q.submit(1, 10, job(|| 1)).unwrap();
    q.submit(2, 20, job(|| 2)).unwrap();
    let refused = q.submit(3, 10, job(|| 3));
    assert!(matches!(refused, Err(Refused::Full)), "{refused:?}");
    assert!(!q.pending(3));
    q.submit(4, 11, job(|| 4)).unwrap();
    let dropped: Vec<_> = q.take_ready().collect();
    assert_eq!(dropped, [(1, Err(Failure::Dropped))]);
    drop(release);
    let mut results = drain(&mut q);
    results.sort_by_key(|(key, _)| *key);
    assert_eq!(results, [(0, Ok(0)), (2, Ok(2)), (4, Ok(4))]);
}

/// Counts its uses; not `Send`, as compilers aren't.
#[derive(Default)]
struct Counter(Rc<u32>);

struct Count {
    panics: bool,
}

impl Job for Count {
    type Output = u32;
    type Tools = Counter;

    fn run(self, tools: &mut Counter) -> u32 {
        tools.0 = Rc::new(*tools.0 + 1);
        assert!(!self.panics, "at {}", tools.0);
        *tools.0
    }
}

#[test]
fn a_panic_is_a_failure_and_tools_are_made_anew() {
    fn is_send<T: Send>(_: &T) {}
    let mut q = Queue::<Count>::new(Options::default(), None, || ());
    is_send(&q);
    let mut results = Vec::new();
    for (key, panics) in [(0, false), (1, false), (2, true), (3, false)] {
        q.submit(key, 0, Count { panics }).unwrap();
        results.extend(drain(&mut q).into_iter().map(|(_, r)| r));
    }
    let panicked = Err(Failure::Panicked("at 3".into()));
    assert_eq!(results, [Ok(1), Ok(2), panicked, Ok(1)]);
}

#[test]
fn the_worker_keeps_to_its_share() {
    let mut q = queue(Options {
        share: 20,
        advance: Duration::ZERO,
        ..Options::default()
    });
    let start = Instant::now();
    for key in 0..3 {
        let nap = || {
            std::thread::sleep(Duration::from_millis(10));
            0
        };
        q.submit(key, 0, job(nap)).unwrap();
    }
    assert_eq!(drain(&mut q).len(), 3);
    // The third may begin when the first two are a fifth of the time.
    assert!(
        start.elapsed() >= Duration::from_millis(100),
        "{:?}",
        start.elapsed()
    );
    // One that rests is closed at once.
    let nap = || {
        std::thread::sleep(Duration::from_millis(200));
        0
    };
    q.submit(0, 0, job(nap)).unwrap();
    drain(&mut q);
    q.submit(1, 0, job(|| 1)).unwrap();
    let start = Instant::now();
    q.close();
    assert!(
        start.elapsed() < Duration::from_millis(400),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn synchronous_results_are_there_at_once() {
    let mut q = delivering(Delivery::Sync, 1);
    for key in 0..100 {
        q.submit(key, 0, job(move || key as u32)).unwrap();
        let taken: Vec<_> = q.take_ready().collect();
        assert_eq!(taken, [(key, Ok(key as u32))]);
    }
}

#[test]
fn delayed_results_come_at_a_known_look() {
    let mut q = delivering(Delivery::Delay(3), 1);
    q.submit(1, 0, job(|| 1)).unwrap();
    assert_eq!(q.take_ready().count(), 0);
    q.submit(2, 0, job(|| 2)).unwrap();
    assert_eq!(q.take_ready().count(), 0);
    assert_eq!(q.take_ready().collect::<Vec<_>>(), [(1, Ok(1))]);
    q.cancel(2);
    assert_eq!(q.take_ready().count(), 0);
    assert!(!q.pending(2));
}

/// The keys of twenty jobs in the order in which their results come, and
/// whether they were dropped.
fn delivered(delivery: Delivery, seed: u64) -> Vec<(u64, bool)> {
    let mut q = delivering(delivery, seed);
    for key in 0..20 {
        q.submit(key, 0, job(|| 1)).unwrap();
    }
    drain(&mut q)
        .into_iter()
        .map(|(key, r)| (key, r.is_err()))
        .collect()
}

#[test]
fn chance_follows_the_seed() {
    for delivery in [Delivery::Reorder, Delivery::Drop] {
        let first = delivered(delivery, 5);
        assert_eq!(first, delivered(delivery, 5));
        assert_ne!(first, delivered(delivery, 77));
        assert_eq!(first.len(), 20);
        let dropped = first.iter().filter(|(_, dropped)| *dropped).count();
        let sorted = first.is_sorted_by_key(|(key, _)| *key);
        if delivery == Delivery::Drop {
            assert!((4..=16).contains(&dropped) && sorted, "{first:?}");
        } else {
            assert!(dropped == 0 && !sorted, "{first:?}");
        }
    }
}

#[test]
fn closing_waits_for_the_job_that_runs() {
    let mut q = queue(Options::default());
    let alive = Arc::new(());
    let (held, release) = (Arc::clone(&alive), busy(&mut q, 0));
    q.submit(1, 0, job(move || Arc::strong_count(&held) as u32))
        .unwrap();
    let closing = std::thread::spawn(move || drop(q));
    std::thread::sleep(Duration::from_millis(20));
    assert!(!closing.is_finished());
    drop(release);
    closing.join().unwrap();
    assert_eq!(Arc::strong_count(&alive), 1);

    let mut q = queue(Options::default());
    q.close();
    assert!(matches!(q.submit(0, 0, job(|| 0)), Err(Refused::Closed)));
}

/// Tools that live as long as their thread.
static WORKERS: AtomicUsize = AtomicUsize::new(0);

struct Alive;

impl Default for Alive {
    fn default() -> Alive {
        WORKERS.fetch_add(1, Ordering::Relaxed);
        Alive
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        WORKERS.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Nothing;

impl Job for Nothing {
    type Output = ();
    type Tools = Alive;

    fn run(self, _: &mut Alive) {}
}

#[test]
fn a_thousand_queues_leave_no_threads() {
    for n in 0..1000 {
        let mut q = Queue::<Nothing>::new(Options::default(), None, || ());
        for key in 0..n % 3 {
            q.submit(key, 0, Nothing).unwrap();
        }
        if n % 2 == 0 {
            drain(&mut q);
        }
    }
    assert_eq!(WORKERS.load(Ordering::Relaxed), 0);
}

#[test]
fn a_result_sets_the_poll_word() {
    use strata_runtime::heap::poll;
    let mut vm = crate::engine::new_vm(&Default::default()).unwrap();
    let waker = vm.waker();
    let wakes = waker.clone();
    let mut q = Queue::new(Options::default(), None, move || wakes.wake());
    q.submit(0, 0, job(|| 0)).unwrap();
    while vm.heap.poll.load(Ordering::Relaxed) & poll::READY == 0 {
        std::thread::yield_now();
    }
    assert_eq!(q.take_ready().count(), 1);
    // When the VM is gone it is nobody's.
    drop(vm);
    waker.wake();
    q.submit(1, 0, job(|| 0)).unwrap();
    drain(&mut q);
}

#[test]
fn queues_share_the_thread_of_a_crew() {
    let crew: Crew<Do> = Crew::new(Options::default());
    let member = || Queue::new(Options::default(), Some(crew.clone()), || ());
    let (mut a, mut b) = (member(), member());
    let (names, told) = channel();
    for n in 0..4 {
        let q = if n % 2 == 0 { &mut a } else { &mut b };
        let names = names.clone();
        let name = job(move || {
            names.send(std::thread::current().id()).unwrap();
            n
        });
        q.submit(u64::from(n), 0, name).unwrap();
    }
    let of = |q: &mut Queue<Do>| {
        let mut all = drain(q);
        all.sort_by_key(|(key, _)| *key);
        all
    };
    assert_eq!(of(&mut a), [(0, Ok(0)), (2, Ok(2))]);
    assert_eq!(of(&mut b), [(1, Ok(1)), (3, Ok(3))]);
    let threads: Vec<_> = told.try_iter().collect();
    assert!(threads.len() == 4 && threads.iter().all(|t| *t == threads[0]));
}

#[test]
fn a_queue_of_a_crew_closes_while_its_job_runs() {
    let crew: Crew<Do> = Crew::new(Options::default());
    let member = || Queue::new(Options::default(), Some(crew.clone()), || ());
    let (mut a, mut b) = (member(), member());
    let release = busy(&mut a, 1);
    // It waits behind the other's, and may be taken back meanwhile.
    b.submit(7, 0, job(|| 7)).unwrap();
    b.submit(8, 0, job(|| 8)).unwrap();
    assert!(b.take_back(7).is_some() && b.len() == 1);
    a.close();
    drop(a);
    drop(release);
    assert_eq!(drain(&mut b), [(8, Ok(8))]);
    // What panics is a failure, and the crew goes on.
    b.submit(9, 0, job(|| panic!("on purpose"))).unwrap();
    let failed = drain(&mut b);
    assert!(matches!(&failed[0].1, Err(Failure::Panicked(why)) if why == "on purpose"));
    b.submit(10, 0, job(|| 10)).unwrap();
    assert_eq!(drain(&mut b), [(10, Ok(10))]);
    drop(crew);
    b.submit(11, 0, job(|| 11)).unwrap();
    assert_eq!(drain(&mut b), [(11, Ok(11))]);
}

#[test]
fn a_patient_worker_lets_the_others_pass() {
    let patient = |patience| {
        queue(Options {
            patient: true,
            patience,
            ..Options::default()
        })
    };
    let mut hurried = queue(Options::default());
    let release = busy(&mut hurried, 0);
    // Not for ever.
    let mut q = patient(Duration::ZERO);
    q.submit(1, 1, job(|| 1)).unwrap();
    assert_eq!(drain(&mut q).len(), 1);
    let mut q = patient(Duration::from_secs(3600));
    let begun = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&begun);
    let note = job(move || count.fetch_add(1, Ordering::Relaxed));
    q.submit(2, 1, note).unwrap();
    std::thread::sleep(Duration::from_millis(30));
    assert_eq!(
        (begun.load(Ordering::Relaxed), q.take_ready().count()),
        (0, 0)
    );
    // It can be taken back as long as it waits.
    assert!(q.take_back(2).is_some());
    q.submit(3, 1, job(|| 3)).unwrap();
    drop(release);
    assert_eq!(drain(&mut hurried).len(), 1);
    assert!(matches!(drain(&mut q)[..], [(3, Ok(3))]));
}
