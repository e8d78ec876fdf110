//! Frames as cameras deliver them, and processes that behave as one with a camera may.

use std::{collections::VecDeque, fs};

use super::{
    device::{Layout, Shape, picture},
    serve::{Frames, tell},
    *,
};
use crate::qr::{
    codes::Picture,
    tests::{LINK, code},
};

/// A camera that delivers these, and none before it is asked. What is left out cannot be read.
struct Fake(VecDeque<Option<Picture>>, CameraTrouble);

impl Frames for Fake {
    fn next(&mut self) -> Result<Option<Picture>, CameraTrouble> {
        self.0.pop_front().ok_or(self.1)
    }
}

fn blank() -> Picture {
    Picture::grey(64, vec![200; 64 * 48]).unwrap()
}

fn held() -> Picture {
    let code = code(LINK);
    Picture::grey(code.width() as usize, code.into_raw()).unwrap()
}

fn told(frames: Vec<Option<Picture>>, at_last: CameraTrouble) -> Vec<Said> {
    let mut output = Vec::new();
    tell(Ok(Fake(frames.into(), at_last)), &mut output).unwrap();
    output
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

fn texts(said: &Said) -> Option<&[String]> {
    match said {
        Said::Saw { texts, .. } => Some(texts),
        Said::Ended { .. } => None,
    }
}

#[test]
fn each_picture_is_told_with_the_codes_in_it_and_at_last_why_there_is_no_more() {
    let said = told(vec![Some(blank()), None, Some(held())], CameraTrouble::Missing);
    let none: &[String] = &[];
    assert_eq!(said.len(), 3);
    assert_eq!(texts(&said[0]), Some(none));
    assert_eq!(texts(&said[1]), Some(&[LINK.to_owned()][..]));
    let why = CameraTrouble::Missing;
    assert_eq!(said[2], Said::Ended { why });
}

#[test]
fn a_camera_that_cannot_be_opened_is_told() {
    let mut output = Vec::new();
    tell(Err::<Fake, _>(CameraTrouble::Busy), &mut output).unwrap();
    assert_eq!(output, b"{\"said\":\"ended\",\"why\":\"busy\"}\n");
}

#[test]
fn a_camera_whose_pictures_cannot_be_read_has_failed() {
    let some = std::iter::repeat_with(|| None).take(60).chain([Some(blank())]);
    assert_eq!(told(some.collect(), CameraTrouble::Missing).len(), 2);
    let many = std::iter::repeat_with(|| None).take(61).collect();
    let why = CameraTrouble::Failed;
    assert_eq!(told(many, CameraTrouble::Missing), [Said::Ended { why }]);
}

#[test]
fn nobody_who_reads_ends_it() {
    struct Closed;
    impl std::io::Write for Closed {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let frames = Fake(vec![Some(blank()), Some(blank())].into(), CameraTrouble::Missing);
    assert!(tell(Ok(frames), Closed).is_err());
}

#[test]
fn greys_are_found_in_every_layout() {
    let (width, height, stride) = (3, 2, 8);
    let every = |step, first| Shape {
        width,
        height,
        stride,
        layout: Layout::Every { step, first },
    };
    let bytes: Vec<u8> = (0..16).collect();
    for (shape, greys) in [
        (every(1, 0), [0, 1, 2, 8, 9, 10]),
        (every(2, 0), [0, 2, 4, 8, 10, 12]),
        (every(2, 1), [1, 3, 5, 9, 11, 13]),
    ] {
        assert_eq!(picture(shape, &bytes).unwrap().pixels(), greys, "{shape:?}");
    }
    let stride = 0;
    let tight = Shape {
        stride,
        ..every(2, 0)
    };
    assert_eq!(
        picture(tight, &bytes[..12]).unwrap().pixels(),
        [0, 2, 4, 6, 8, 10]
    );
}

#[test]
fn a_picture_that_is_not_as_the_driver_said_is_left_out() {
    let shape = Shape {
        width: 4,
        height: 4,
        stride: 8,
        layout: Layout::Every { step: 2, first: 0 },
    };
    assert!(picture(shape, &[0; 32]).is_some());
    assert!(picture(shape, &[0; 31]).is_none());
    for shape in [
        Shape { width: 5, ..shape },
        Shape { width: 0, ..shape },
        Shape { height: 0, ..shape },
        Shape {
            height: usize::MAX,
            ..shape
        },
        Shape {
            stride: usize::MAX,
            ..shape
        },
        Shape {
            width: usize::MAX / 4,
            ..shape
        },
        Shape {
            layout: Layout::Jpeg,
            ..shape
        },
    ] {
        assert!(picture(shape, &[0; 32]).is_none(), "{shape:?}");
    }
}

/// A process that says these lines and then waits to be ended.
fn process(directory: &tempfile::TempDir, lines: &[String]) -> Command {
    let said = directory.path().join("said");
    fs::write(&said, lines.concat()).unwrap();
    let mut command = Command::new("/bin/sh");
    command.args(["-c", r#"cat "$1"; exec cat"#, "sh"]).arg(said);
    command
}

fn saw(texts: &[&str]) -> String {
    let said = Said::Saw {
        picture: Coarse::of(&blank()),
        texts: texts.iter().map(|text| (*text).to_owned()).collect(),
    };
    format!("{}\n", serde_json::to_string(&said).unwrap())
}

async fn watched(lines: &[String], known: &[String]) -> (Option<Vec<String>>, Vec<CameraView>) {
    let directory = tempfile::tempdir().unwrap();
    let shown = Mutex::new(Vec::new());
    let switch = CameraSwitch::default();
    let found = watch(process(&directory, lines), known, switch.on(), |view| {
        shown.lock().unwrap().push(view);
    })
    .await;
    (found, shown.into_inner().unwrap())
}

#[tokio::test]
async fn it_looks_until_there_is_a_code_that_is_not_known() {
    let known = ["a".to_owned()];
    let (found, shown) = watched(&[saw(&[]), saw(&["a"]), saw(&["a", "b"])], &known).await;
    assert_eq!(found, Some(vec!["b".to_owned()]));
    let picture = Coarse::of(&blank());
    let seeing = CameraView::Seeing { picture };
    assert_eq!(shown, [seeing.clone(), seeing]);
}

#[tokio::test]
async fn why_there_is_no_code_is_shown() {
    let forbidden = "{\"said\":\"ended\",\"why\":\"forbidden\"}\n".to_owned();
    for (lines, why) in [
        (vec![forbidden], CameraTrouble::Forbidden),
        (vec!["nonsense\n".to_owned()], CameraTrouble::Failed),
        (vec!["x".repeat(300 * 1024)], CameraTrouble::Failed),
    ] {
        let (found, shown) = watched(&lines, &[]).await;
        assert_eq!((found, shown), (None, vec![CameraView::Ended { why }]));
    }
}

#[tokio::test]
async fn a_process_that_ends_or_cannot_be_started_has_failed() {
    for program in ["/bin/true", "/bin/false", "/nonexistent/camera"] {
        let why = CameraTrouble::Failed;
        let shown = Mutex::new(Vec::new());
        let show = |view| shown.lock().unwrap().push(view);
        let switch = CameraSwitch::default();
        assert_eq!(watch(Command::new(program), &[], switch.on(), show).await, None);
        assert_eq!(
            shown.into_inner().unwrap(),
            [CameraView::Ended { why }],
            "{program}"
        );
    }
}

#[tokio::test]
async fn turned_off_it_ends_without_a_word() {
    let directory = tempfile::tempdir().unwrap();
    let switch = CameraSwitch::default();
    let shown = Mutex::new(0);
    let show = |_| {
        *shown.lock().unwrap() += 1;
        switch.off();
    };
    assert_eq!(
        watch(process(&directory, &[saw(&[])]), &[], switch.on(), show).await,
        None
    );
    assert_eq!(shown.into_inner().unwrap(), 1);
}

#[tokio::test]
async fn another_one_turns_it_off() {
    let directory = tempfile::tempdir().unwrap();
    let switch = CameraSwitch::default();
    let second = Mutex::new(None);
    let show = |_| *second.lock().unwrap() = Some(switch.on());
    assert_eq!(
        watch(process(&directory, &[saw(&[])]), &[], switch.on(), show).await,
        None
    );
    let mut second = second.into_inner().unwrap().unwrap();
    assert_eq!(second.try_recv(), Err(oneshot::error::TryRecvError::Empty));
}

#[tokio::test(start_paused = true)]
async fn a_camera_before_which_nothing_is_held_goes_off() {
    let directory = tempfile::tempdir().unwrap();
    let shown = Mutex::new(Vec::new());
    let switch = CameraSwitch::default();
    let show = |view| shown.lock().unwrap().push(view);
    assert_eq!(
        watch(process(&directory, &[]), &[], switch.on(), show).await,
        None
    );
    let why = CameraTrouble::NothingSeen;
    assert_eq!(shown.into_inner().unwrap(), [CameraView::Ended { why }]);
}
