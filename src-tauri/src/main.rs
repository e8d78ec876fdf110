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
mod qr;
mod shell;
mod start;
mod view;
mod windows;

use std::{
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
};

use tauri::{AppHandle, Manager, RunEvent};
use tokio::sync::{mpsc, watch};

use crate::{
    agent::AgentProgram,
    args::Launch,
    commands::Views,
    shell::{Effect, Input, Shell},
    view::{MainView, PromptView},
    windows::WindowMemory,
};

/// More inputs than this at once wait at their source.
const INPUTS: usize = 64;

fn main() -> ExitCode {
    let launch = match args::parse(std::env::args_os().skip(1)) {
        Ok(Launch::Help) => {
            println!("{}", args::USAGE);
            return ExitCode::SUCCESS;
        }
        Ok(Launch::Version) => {
            println!("countersign {}", env!("CARGO_PKG_VERSION"));
            return ExitCode::SUCCESS;
        }
        Ok(Launch::ReadPicture) => {
            return qr::reader::serve(std::io::stdin().lock(), std::io::stdout().lock());
        }
        Ok(Launch::WatchCamera) => return qr::camera::serve(std::io::stdin(), std::io::stdout().lock()),
        Ok(launch @ (Launch::Main { .. } | Launch::Codes { .. } | Launch::Prompt { .. })) => launch,
        Err(e) => {
            eprintln!("countersign: {e}\n{}", args::USAGE);
            return ExitCode::from(2);
        }
    };
    match start::prepare().and_then(|program| run(launch, program)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(start::StartError::Shell(error)) if start::met_one_that_ended(&error) => {
            let error = start::once_more();
            eprintln!("countersign: {error}");
            ExitCode::FAILURE
        }
        Err(e) => {
            eprintln!("countersign: {e}");
            ExitCode::FAILURE
        }
    }
}

fn run(launch: Launch, program: AgentProgram) -> Result<(), start::StartError> {
    let (inputs, received) = mpsc::channel(INPUTS);
    let forwarded = inputs.clone();
    let handed_over = HandedOver::default();
    let (taken, served) = (handed_over.clone(), handed_over.clone());
    let single = tauri_plugin_single_instance::Builder::new()
        .dbus_id(start::instance_id())
        .callback(move |_, arguments, _| forward(&forwarded, &taken, arguments))
        .build();
    let app = tauri::Builder::default()
        .plugin(single)
        .invoke_handler(tauri::generate_handler![
            commands::prompt_view,
            commands::main_view,
            commands::shown,
            commands::decide,
            commands::withdraw,
            commands::deny,
            commands::report,
            commands::codes::copy_code_to_type,
            commands::fit,
            commands::open_prompt,
            commands::open_main,
            commands::close_window,
            commands::start_agent,
            commands::remember_page,
            commands::link_taken,
            commands::accounts::preview_enrolment,
            commands::accounts::accept_enrolment,
            commands::accounts::cancel_enrolment,
            commands::accounts::rename_account,
            commands::accounts::refresh_account,
            commands::accounts::set_polling,
            commands::accounts::rotate_key,
            commands::accounts::remove_account,
            commands::accounts::revoke_device,
            commands::accounts::release_held_back,
            commands::history::history,
            commands::history::evidence,
            commands::exports::export_receipt,
            commands::exports::export_activity,
            commands::settings::diagnostics,
            commands::settings::settings,
            commands::settings::change_setting,
            commands::settings::mute,
            commands::settings::read_qr,
            commands::settings::stop_camera,
            commands::settings::choose_ca_files,
            commands::settings::copy_text,
            commands::codes::list_codes,
            commands::codes::show_codes,
            commands::codes::copy_code,
            commands::codes::advance_code,
            commands::codes::add_code,
            commands::codes::edit_code,
            commands::codes::move_code,
            commands::codes::remove_code,
            commands::codes::restore_code,
            commands::codes::code_qr,
            commands::codes::correct_clock,
            commands::imports::preview_import_file,
            commands::imports::preview_import_text,
            commands::imports::preview_opened_link,
            commands::imports::preview_import_qr,
            commands::imports::unlock_import,
            commands::imports::apply_import,
            commands::imports::cancel_import,
            commands::backups::export_codes,
            commands::backups::choose_backups,
            commands::backups::change_backup_password,
            commands::backups::end_backups,
            commands::backups::back_up,
        ])
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
    app.run(move |app, event| {
        if matches!(event, RunEvent::Exit) {
            // From here on another start is on its own; what was handed over before and has no window is started anew.
            tauri_plugin_single_instance::destroy(app);
            if let Some(arguments) = handed_over.take() {
                start::anew(&arguments);
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
        let opens = matches!(input, Input::Open(_));
        for effect in shell.apply(input) {
            match &effect {
                Effect::TellPrompt(view) => drop(prompt.send_replace(view.clone())),
                Effect::TellMain(view) => drop(main.send_replace(view.clone())),
                Effect::ShowPrompt(_) | Effect::ShowMain | Effect::Appear(_) => {}
            }
            if let Err(e) = windows::perform(&app, effect) {
                eprintln!("countersign: {e}");
            }
        }
        if opens {
            handed_over.take();
        }
    }
}

/// The arguments of another start, until there is a window for them.
#[derive(Debug, Clone, Default)]
struct HandedOver(Arc<Mutex<Option<Vec<String>>>>);

impl HandedOver {
    fn put(&self, arguments: Vec<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(arguments);
    }

    fn take(&self) -> Option<Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Another start of the app hands its arguments over. They are as untrusted as any.
fn forward(inputs: &mpsc::Sender<Input>, handed_over: &HandedOver, arguments: Vec<String>) {
    let arguments: Vec<String> = arguments.into_iter().skip(1).collect();
    match args::parse(arguments.iter().map(Into::into)) {
        Ok(launch) => {
            handed_over.put(arguments);
            // A full queue means that windows are being opened already.
            let _ = inputs.try_send(Input::Open(launch));
        }
        Err(e) => eprintln!("countersign: arguments of another start were refused: {e}"),
    }
}
