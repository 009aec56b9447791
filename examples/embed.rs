//! Using Strata from Rust: a small inventory that scripts work on.
//!
//! Run it with `cargo run --release -p strata --example embed`.

use std::collections::BTreeMap;
use std::time::Duration;
use strata::{
    Error, Function, Lua, MetaMethod, Result, Table, UserData, UserDataFields, UserDataMethods,
    Variadic,
};

/// Something scripts can hold, look at and change.
#[derive(Default)]
struct Inventory {
    owner: String,
    items: BTreeMap<String, u32>,
}

impl UserData for Inventory {
    fn add_fields<F: UserDataFields<Self>>(fields: &mut F) {
        fields.add_field_method_get("owner", |_, this| Ok(this.owner.clone()));
        fields.add_field_method_set("owner", |_, this, name: String| {
            this.owner = name;
            Ok(())
        });
    }

    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_method_mut("put", |_, this, (name, n): (String, Option<u32>)| {
            *this.items.entry(name).or_default() += n.unwrap_or(1);
            Ok(())
        });
        methods.add_method_mut("take", |_, this, (name, n): (String, Option<u32>)| {
            let n = n.unwrap_or(1);
            match this.items.get_mut(&name) {
                Some(have) if *have >= n => {
                    *have -= n;
                    Ok(*have)
                }
                _ => Err(Error::runtime(format!("not enough {name}"))),
            }
        });
        methods.add_meta_method(MetaMethod::Len, |_, this, ()| {
            Ok(this.items.values().sum::<u32>())
        });
        methods.add_meta_method(MetaMethod::ToString, |_, this, ()| {
            let items: Vec<String> = this
                .items
                .iter()
                .map(|(name, n)| format!("{n} {name}"))
                .collect();
            Ok(format!("{}: {}", this.owner, items.join(", ")))
        });
    }
}

fn main() -> Result<()> {
    let lua = Lua::new();

    // Run code, get values.
    let answer: i64 = lua.load("6 * 7").eval()?;
    println!("the answer is {answer}");

    // Rust functions in Lua: arguments and results are converted.
    let mean = lua.create_function(|_, xs: Variadic<f64>| {
        Ok(xs.iter().sum::<f64>() / xs.len().max(1) as f64)
    })?;
    lua.globals().set("mean", mean)?;
    println!("mean: {}", lua.load("mean(1, 2, 3, 4)").eval::<f64>()?);

    // Lua functions in Rust.
    let greet: Function = lua
        .load("function(name) return ('Hello, %s!'):format(name) end")
        .eval()?;
    println!("{}", greet.call::<String>("embedder")?);

    // Tables both ways.
    let config: Table = lua
        .load("{ title = 'demo', size = { 640, 480 }, tags = { 'a', 'b' } }")
        .eval()?;
    let size: [u32; 2] = config.get("size")?;
    println!(
        "{} is {}x{}",
        config.get::<String>("title")?,
        size[0],
        size[1]
    );
    for tag in config.get::<Table>("tags")?.sequence_values::<String>() {
        println!("  tag {}", tag?);
    }

    // Rust values in Lua.
    let inventory = lua.create_userdata(Inventory {
        owner: "Ada".into(),
        ..Inventory::default()
    })?;
    lua.globals().set("inventory", &inventory)?;
    lua.load(
        r#"
        inventory:put("rope")
        inventory:put("torch", 3)
        inventory:take("torch")
        inventory.owner = inventory.owner .. " L."
        print(inventory, #inventory .. " items")
        "#,
    )
    .set_name("@inventory.lua")
    .exec()?;
    println!(
        "Rust sees {} kinds",
        inventory.borrow::<Inventory>()?.items.len()
    );

    // Errors: scripts can catch the host's, the host gets everything else.
    let caught: (bool, Error) = lua
        .load("pcall(inventory.take, inventory, 'gold', 5)")
        .eval()?;
    println!("caught by the script: {}", caught.1);
    match lua
        .load("local t = nil\nreturn t.field")
        .set_name("@broken.lua")
        .exec()
    {
        Err(e) => println!(
            "caught by the host: {e}\n{}",
            e.traceback().unwrap_or_default()
        ),
        Ok(()) => unreachable!("indexing nil fails"),
    }

    // Coroutines.
    let numbers = lua.create_thread(
        lua.load("for i = 1, 3 do coroutine.yield(i * i) end")
            .into_function()?,
    )?;
    while let Some(n) = numbers.resume::<Option<i64>>(())? {
        println!("yielded {n}");
    }

    // Limits: scripts can't run away, and the VM lives on.
    lua.set_time_limit(Some(Duration::from_millis(20)))?;
    let endless = lua.load("while true do end").exec();
    lua.set_time_limit(None)?;
    println!("endless loop: {}", endless.expect_err("it was stopped"));
    println!("still here: {}", lua.load("1 + 1").eval::<i64>()?);
    Ok(())
}
