//! The Countersign desktop app: windows over the agent's socket, and nothing else.
//!
//! Invariants: no key and no secret lives here; nothing is answered without the person's act in a window; the process ends
//! with its last window. Start-up order matters: arguments, then the environment, then the display, then windows.

#![forbid(unsafe_code)]

mod accent;
mod agent;
mod args;
#[cfg(test)]
mod bindings;
#[cfg(test)]
mod capabilities;
mod commands;
mod dialogs;
mod instance;
mod qr;
mod shell;
mod start;
mod view;
mod windows;

use std::process::ExitCode;

use tauri::{AppHandle, Manager, RunEvent};
use tokio::sync::{mpsc, watch};

use crate::{
    agent::AgentProgram,
    args::{Asked, Launch},
    commands::Views,
    instance::{Claim, HandedOver},
    shell::{Effect, Input, Shell},
    view::{MainView, PromptView},
    windows::WindowMemory,
};

/// More inputs than this at once wait at their source.
const INPUTS: usize = 64;

fn main() -> ExitCode {
    let asked = Asked::of(std::env::args_os().skip(1)).and_then(|asked| Ok((asked.launch()?, asked)));
    let asked = match asked {
        Ok((Launch::Help, _)) => {
            println!("{}", args::USAGE);
            return ExitCode::SUCCESS;
        }
        Ok((Launch::Version, _)) => {
            println!("countersign {}", env!("CARGO_PKG_VERSION"));
            return ExitCode::SUCCESS;
        }
        Ok((Launch::ReadPicture, _)) => {
            return qr::reader::serve(std::io::stdin().lock(), std::io::stdout().lock());
        }
        Ok((Launch::WatchCamera, _)) => {
            return qr::camera::serve(std::io::stdin(), std::io::stdout().lock());
        }
        Ok((Launch::Main { .. } | Launch::Codes { .. } | Launch::Prompt { .. } | Launch::OnInput, asked)) => {
            asked
        }
        Err(e) => {
            eprintln!("countersign: {e}\n{}", args::USAGE);
            return ExitCode::from(2);
        }
    };
    match start::prepare(asked).and_then(|(asked, program)| run(&asked, program)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("countersign: {e}");
            ExitCode::FAILURE
        }
    }
}

fn run(asked: &Asked, program: AgentProgram) -> Result<(), start::StartError> {
    let launch = asked.launch()?;
    let (inputs, received) = mpsc::channel(INPUTS);
    let bus = zbus::blocking::connection::Builder::session();
    let name = start::instance_id();
    let first = match instance::claim(bus, name, asked, inputs.clone(), instance::pause)? {
        Claim::First(first) => first,
        Claim::HandedOver => return Ok(()),
    };
    let served = first.handed_over();
    let app = tauri::Builder::default()
        .invoke_handler(commands::handler())
        .on_window_event(windows::remember)
        .setup(move |app| {
            let memory = WindowMemory::open();
            let mut shell = Shell::default();
            if let Some(page) = memory.page() {
                shell.apply(Input::Page(page));
            }
            app.manage(memory);
            // The window comes first: it loads while the agent is looked for.
            let effects = shell.apply(Input::Open(launch));
            let (prompt_sender, prompt) = watch::channel(shell.prompt().clone());
            let (main_sender, main) = watch::channel(shell.main().clone());
            let (agent, connector) = agent::connector(program, inputs.clone());
            app.manage(agent);
            tauri::async_runtime::spawn(accent::follow(inputs.clone()));
            app.manage(Views { prompt, main, inputs });
            app.manage(commands::imports::Batch::default());
            app.manage(qr::camera::CameraSwitch::default());
            for effect in effects {
                windows::perform(app.handle(), effect)?;
            }
            tauri::async_runtime::spawn(connector.run());
            tauri::async_runtime::spawn(control(
                app.handle().clone(),
                shell,
                received,
                (prompt_sender, main_sender),
                served,
            ));
            Ok(())
        })
        .build(tauri::generate_context!())
        .map_err(start::StartError::Shell)?;
    let mut first = Some(first);
    app.run(move |_, event| {
        if matches!(event, RunEvent::Exit)
            && let Some(first) = first.take()
        {
            for asked in first.end() {
                start::anew(&asked);
            }
        }
    });
    Ok(())
}

/// The task that owns the state.
async fn control(
    app: AppHandle,
    mut shell: Shell,
    mut inputs: mpsc::Receiver<Input>,
    (prompt, main): (watch::Sender<PromptView>, watch::Sender<MainView>),
    handed_over: HandedOver,
) {
    while let Some(input) = inputs.recv().await {
        let mut opened = match &input {
            Input::Open(launch) => Some(launch.clone()),
            Input::Link(_) | Input::Agent(_) | Input::Page(_) | Input::LinkTaken(_) | Input::Accent(_) => {
                None
            }
        };
        for effect in shell.apply(input) {
            match &effect {
                Effect::TellPrompt(view) => drop(prompt.send_replace(view.clone())),
                Effect::TellMain(view) => drop(main.send_replace(view.clone())),
                Effect::ShowPrompt(_) | Effect::ShowMain | Effect::Appear(_) => {}
            }
            if let Err(e) = windows::perform(&app, effect) {
                eprintln!("countersign: {e}");
                opened = None;
            }
        }
        if let Some(launch) = opened {
            handed_over.shown(&launch);
        }
    }
}
