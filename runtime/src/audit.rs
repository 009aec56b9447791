//! Bugs planted on purpose, to see whether the tests find them.
//!
//! A *bug* stands at the place where somebody could have made it: a line that
//! asks whether it is [`planted`]. Usually none is, and the compiler knows so:
//! nothing is left of the question. Built with `--cfg strata_audit`, the variable
//! `STRATA_AUDIT` names the one that is planted. `make audit` has the fuzzer look
//! for each.

macro_rules! bugs {
    ($($name:ident: $about:literal,)*) => {
        /// A bug.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Bug { $(#[doc = $about] $name,)* }

        impl Bug {
            /// All of them: name, and what is wrong then.
            pub const ALL: &[(Bug, &str, &str)] = &[$((Bug::$name, stringify!($name), $about),)*];
        }
    };
}

bugs! {
    FloorDiv: "`//` of integers rounds to zero",
    IntMod: "`%` of integers has the sign of the first operand",
    ShiftAll: "shifts by 64 and more take the distance modulo 64",
    IntFloatOrder: "an integer and a float are compared as floats",
    NoBarrier: "the barrier for stores does nothing",
    NoValueBarrier: "the barrier that knows what was stored does nothing",
    NoStoredBarrier: "the barrier of compiled stores does nothing",
    UpvalueRoot: "what closed upvalues hold is not marked",
    LastUpvalue: "the last upvalue of a closure is not marked",
    LastEntry: "the last entry of a hash part is not marked",
    FirstElement: "the first element of an array part is not marked",
    StackTop: "the topmost live slot of a stack is no root",
    CodeRefs: "what optimized code names is not kept alive",
    SwappedRegisters: "two registers of a frame map are swapped",
    LaterPc: "optimized code is left behind the instruction",
    LostPart: "the last part of a sunk table is lost",
    SunkMetatable: "a sunk table loses its metatable",
    FloatAsInt: "floats are boxed as integers at exits",
    WrongBool: "booleans are inverted at exits",
    LostExtra: "the last extra argument is not counted, tier 2",
    ReturnsLater: "an inlined function that is rebuilt returns one instruction too far",
    UpvalueBefore: "closures get the upvalue before the right one, tier 1",
    LoadPastStore: "loads are taken from before a store",
    LoopWrites: "loads are taken from before a loop that writes",
    MergedMemory: "loads are taken from one of two ways",
    FactEverywhere: "what a branch tells is believed everywhere",
    WrongArm: "a branch tells both arms that its condition holds",
    ValuesOfOtherTags: "a tag that is known to be another one needs no guard",
    ElementsDiffer: "different indices are never the same element",
    TablesDiffer: "two values are never the same table",
    HoistOverStore: "loads are hoisted out of loops that store there",
    HoistDivision: "divisions are hoisted over the test for zero",
    RangeEnd: "a hoisted range check lets one index too many pass",
    RangeStep: "a hoisted range check forgets the step",
    IntervalOrder: "intervals that touch are taken for ordered",
    NotLess: "the opposite of `<` is `<=`, operands in place",
    MinusZero: "x + 0.0 is x",
    OddModulo: "x % -1 is x",
    DeadAtCalls: "registers need not be in their slots at calls",
    DeadAtExits: "slots that frame maps name are not stored to",
    StoredEscapes: "a table that is stored in another one is sunk",
    ReturnedEscapes: "a table that is returned is sunk",
    UnboxAnything: "a loop takes what comes around for what it began with",
    DivisionByZero: "division by zero is not guarded",
    MixedTwo: "two integers are computed as floats where only mixed operands were seen, tier 2",
    InexactOrder: "integers are compared as floats however large",
    HoleIsValue: "a hole in an array is not looked at",
    OtherCallee: "another function than expected is not noticed",
    DirtyLoops: "registers that a loop only reads are not stored before it",
    IpairsEnd: "`ipairs` goes one element too far",
    WrongWord: "values of two exits share a word of the deopt buffer",
    NoNilResults: "missing results of a typed call are not filled up",
    OptimizedBarrier: "optimized stores have no barrier",
    StaleEpoch: "code is installed though what it assumed does not hold any more",
    MissedInvalidation: "a change of a metatable invalidates nothing",
    CodeLives: "invalidated code goes on where it waits",
    MixedOne: "two integers are computed as floats where only mixed operands were seen, tier 1",
    NanOrder: "`<` holds for NaN",
    LoopTags: "what a loop predicts is not checked",
    FloatGuard: "no guard for floats",
    ArrayEnd: "the element behind the last one is inside",
    StaleCache: "inline caches in code outlive a change of metatables, tier 1",
    AnyLibrary: "a library function in place of another is not noticed",
    KnownAfterMerge: "what only one way knows is known behind it",
    CapturedTag: "the tag of a captured register is taken for known",
    NoPadding: "a missing result is not nil",
    RoundsUp: "`math.floor` rounds up, tier 1",
}

/// Whether this build can have bugs planted.
pub const POSSIBLE: bool = cfg!(strata_audit);

/// Whether the bug is there.
#[cfg(not(strata_audit))]
#[inline(always)]
pub const fn planted(_: Bug) -> bool {
    false
}

/// Whether the bug is there.
#[cfg(strata_audit)]
pub fn planted(bug: Bug) -> bool {
    static CHOSEN: std::sync::OnceLock<Option<Bug>> = std::sync::OnceLock::new();
    let chosen = CHOSEN.get_or_init(|| {
        let name = std::env::var("STRATA_AUDIT").ok()?;
        let found = Bug::ALL.iter().find(|b| b.1 == name);
        Some(
            found
                .unwrap_or_else(|| panic!("STRATA_AUDIT: no bug {name}"))
                .0,
        )
    });
    *chosen == Some(bug)
}
