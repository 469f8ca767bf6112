//! What becomes of blocks, told as a table.
//!
//! A script is blocks of rows: `#` shows the part, `.` the empty belt, `%` is a row that the camera itself says never
//! came. `x` is a lost block, `<` a camera that begins anew, `>` a jump over more than is kept, `w` lines of another
//! width, `|` a belt that stands too long, `-` one that stands a while, `b` and `e` a part's begin and end told from
//! outside. What is expected of each picture is the number of its first row, its rows and its faults.

use super::*;
use wiko_camera::line_scan::{LineAssembler, PartSignal};

struct Bench {
    assembler: LineAssembler,
    sequence: u64,
    row: u64,
    now_ms: u64,
    width_px: u32,
    pictures: Vec<String>,
}

fn pictures(mode: LineMode, script: &str) -> Vec<String> {
    let mut bench = Bench {
        assembler: LineAssembler::new(config(mode), None).unwrap(),
        sequence: 100,
        row: 0,
        now_ms: 5000,
        width_px: WIDTH,
        pictures: Vec::new(),
    };
    for step in script.split_whitespace() {
        bench.step(step);
        while let Some(picture) = bench.assembler.next_picture().unwrap() {
            bench.note(&picture);
        }
    }
    while let Some(picture) = bench.assembler.finish().unwrap() {
        bench.note(&picture);
    }
    assert!(bench.assembler.next_picture().unwrap().is_none());
    bench.pictures
}

impl Bench {
    fn step(&mut self, step: &str) {
        let given = match step {
            "x" => {
                self.sequence += 1;
                self.row += 4;
                None
            }
            "<" => {
                self.sequence = 3;
                None
            }
            ">" => {
                self.sequence += 1000;
                None
            }
            "w" => {
                self.width_px -= 8;
                None
            }
            "-" | "|" => {
                self.now_ms += if step == "|" { 1000 } else { 999 };
                self.assembler.stand(self.now_ms).unwrap()
            }
            "b" | "e" => {
                let begins = step == "b";
                let signal = if begins {
                    PartSignal::Begins
                } else {
                    PartSignal::Ended
                };
                self.assembler.tell(signal).unwrap();
                None
            }
            rows => {
                self.push(rows);
                None
            }
        };
        if let Some(picture) = given {
            self.note(&picture);
        }
    }

    fn push(&mut self, rows: &str) {
        let level = |sign| match sign {
            '#' => PART,
            '.' => EMPTY,
            '%' => 0,
            _ => panic!("{sign} is no row"),
        };
        let numbered = (self.row..).zip(rows.chars());
        let bytes = numbered.flat_map(|(number, sign)| row(number, level(sign), self.width_px));
        let mut block = block(self.sequence, 0, self.width_px, bytes.collect());
        let invalid = rows.char_indices().filter(|(_, sign)| *sign == '%');
        block.invalid_rows = invalid
            .map(|(at, _)| wiko_core::camera::RowSpan {
                from: at as u32,
                until: at as u32 + 1,
            })
            .collect();
        self.assembler.push(block, self.now_ms).unwrap();
        self.sequence += 1;
        self.row += rows.len() as u64;
    }

    fn note(&mut self, picture: &LinePicture) {
        let mut told = format!("{}:", picture.first_row);
        for (index, row) in rows_of(picture).enumerate() {
            let sign = match row[8] {
                GREY => '?',
                PART => '#',
                EMPTY => '.',
                level => panic!("level {level}"),
            };
            assert_eq!(sign == '?', is_invalid(picture, index));
            if sign != '?' {
                let number = picture.first_row + index as u64;
                // After a jump rows are counted on as if nothing was lost.
                assert_eq!(number_of(row), number, "{told}{sign}");
            }
            told.push(sign);
        }
        for fault in &picture.faults {
            told.push(' ');
            told.push_str(fault.code());
        }
        self.pictures.push(told);
    }
}

fn check(mode: LineMode, table: &[(&str, &[&str])]) {
    for (script, expected) in table {
        assert_eq!(&pictures(mode, script), expected, "{script}");
    }
}

#[test]
fn a_part_is_given_whole_with_its_rolls_wherever_blocks_begin() {
    check(
        long_page(12, 2, 3),
        &[
            ("........", &[]),
            ("...#####........", &["1:..#####..."]),
            (".... ..## #### #... ....", &["4:..#######..."]),
            (". . . # # # . . . . . .", &["1:..###..."]),
            // Less than a roll before, and after it until the camera ends.
            (".####.....", &["0:.####..."]),
            ("....####..", &["2:..####.."]),
            // Two in one block.
            ("...####.....####.....", &["1:..####...", "10:..####..."]),
            // The roll of the one ends where the next begins, whose own shows it again.
            ("...####..####.....", &["1:..####..", "7:..####..."]),
            ("...####..##.......", &["1:..####..#"]),
            // Specks and holes.
            ("...##...##....", &[]),
            ("...####.####....", &["1:..####.####..."]),
        ],
    );
}

#[test]
fn what_is_longer_than_the_longest_part_is_cut_into_pictures_that_say_so() {
    check(
        long_page(6, 1, 2),
        &[
            ("...######.....", &["2:.######.."]),
            (
                "...#######.....",
                &["2:.###### cut_short", "9:#.. cut_short"],
            ),
            (
                "...######## ########....",
                &[
                    "2:.###### cut_short",
                    "9:###### cut_short",
                    "15:####.. cut_short",
                ],
            ),
        ],
    );
}

#[test]
fn what_was_not_seen_from_its_beginning_to_its_end_says_so() {
    check(
        long_page(12, 2, 2),
        &[
            ("####....", &["0:####.. cut_short"]),
            ("....####", &["2:..#### cut_short"]),
            ("....####.", &["2:..####. cut_short"]),
            // What may be a part and may be a speck.
            ("....##", &["2:..## cut_short"]),
        ],
    );
}

#[test]
fn a_part_goes_on_when_the_belt_does() {
    check(
        long_page(12, 2, 2),
        &[
            ("...# ## - ### #.....", &["1:..#######.."]),
            (
                "...# ## | ### #.....",
                &["1:..### cut_short", "6:####.. cut_short"],
            ),
            // However short the rest is, and where there is none.
            (
                "...####### | #.....",
                &["1:..####### cut_short", "10:#.. cut_short"],
            ),
            ("...####### | ......", &["1:..####### cut_short"]),
            (
                "...####### | | ###...",
                &["1:..####### cut_short", "10:###.. cut_short"],
            ),
            // A part that is past is whole.
            ("...#######.. | .....", &["1:..#######.."]),
            (".... | ...####....", &["5:..####.."]),
        ],
    );
    check(
        long_page(12, 2, 4),
        &[(
            "...#######... | .....###....",
            &["1:..#######...", "16:..###...."],
        )],
    );
}

#[test]
fn rows_that_never_came_stand_in_their_place_as_grey_ones() {
    check(
        long_page(16, 2, 2),
        &[
            (
                ".... #### x #### ....",
                &["2:..####????####.. missing_rows"],
            ),
            // Where the part began or ended in them they are all shown.
            (".... x #### ....", &["2:..????####.. missing_rows"]),
            (".... #### x ....", &["2:..####????.. missing_rows"]),
            (".... x x #### ....", &["2:..????????####.. missing_rows"]),
            // A whole part may have been in them.
            (".... x ....", &["2:..????.. missing_rows"]),
            // A short block counts as what it is, a lost one as a whole one.
            ("...# #. .. x ....", &["6:..????.. missing_rows"]),
            // The camera itself may know of some.
            (".... ##%# #%%# ....", &["2:..##?##??#.. missing_rows"]),
            // So many are cut as a part is.
            (
                ".... x x x x x ....",
                &[
                    "2:..???????????????? missing_rows cut_short",
                    "20:????.. missing_rows cut_short",
                ],
            ),
        ],
    );
}

#[test]
fn lines_that_do_not_follow_each_other_are_never_in_one_picture() {
    check(
        long_page(12, 2, 2),
        &[
            (
                ".... #### < #### ....",
                &["2:..#### cut_short", "8:####.. cut_short"],
            ),
            (
                ".... #### > #### ....",
                &["2:..#### missing_rows cut_short", "8:####.. cut_short"],
            ),
            (
                ".... #### w #### ....",
                &["2:..#### cut_short", "8:####.. cut_short"],
            ),
            // Not even with its roll; and what was whole is whole.
            (".... < .### #... ....", &["4:.####.."]),
            (".... ####.. < .#### ....", &["2:..####..", "10:.####.."]),
            // What is not yet sure to be a part.
            (
                ".... ...# < ####....",
                &["5:..# cut_short", "8:####.. cut_short"],
            ),
        ],
    );
    check(
        long_page(12, 2, 4),
        &[
            (
                "...###..# < ####....",
                &["1:..###..", "6:..# cut_short", "9:####.... cut_short"],
            ),
            ("...###..# < < .....", &["1:..###..", "6:..# cut_short"]),
        ],
    );
}

#[test]
fn a_page_is_as_long_as_it_is_and_says_where_its_part_is_longer() {
    let page = LineMode::Page {
        page_rows: 6,
        pre_roll_rows: 2,
        trigger: BY_LINES,
    };
    check(
        page,
        &[
            ("....###........", &["2:..###..."]),
            ("....######.....", &["2:..######"]),
            ("....#######.....", &["2:..###### cut_short"]),
            // A hole right at its end.
            ("....#####.##.....", &["2:..#####. cut_short"]),
            ("....###..###......", &["2:..###..#", "7:..###..."]),
            ("....### | ......", &["2:..### cut_short"]),
            ("....###.. | ......", &["2:..###.."]),
            ("....## x #....", &["2:..##???? missing_rows cut_short"]),
        ],
    );
}

#[test]
fn a_part_told_from_outside_lasts_from_its_begin_to_its_end() {
    let page = |longest_rows| LineMode::LongPage {
        longest_rows,
        pre_roll_rows: 2,
        post_roll_rows: 1,
        trigger: PartTrigger::External,
    };
    check(
        page(6),
        &[
            (".... #### ....", &[]),
            (".... b #### e ....", &["2:..####."]),
            (".... b ..## ## e ....", &["2:....####."]),
            // Told twice, and never told to end.
            (
                ".... b ## b #### e ....",
                &["2:..## cut_short", "4:######."],
            ),
            (
                ".... b #### ####",
                &["2:..###### cut_short", "10:## cut_short"],
            ),
            (".... e #### ....", &[]),
            // The next begins in the roll of the one.
            (".... b ## e b ### e ....", &["2:..##", "4:#####."]),
            (
                ".... b ## | ## e ....",
                &["2:..## cut_short", "6:##. cut_short"],
            ),
            (".... b ## | e ....", &["2:..## cut_short"]),
            (
                ".... b ## | | ## e .",
                &["2:..## cut_short", "6:##. cut_short"],
            ),
            (
                ".... b ## < ## e ....",
                &["2:..## cut_short", "6:##. cut_short"],
            ),
            (".... b ## e | ## ....", &["2:..## cut_short"]),
            (".... b ## e < ....", &["2:..## cut_short"]),
            (".... b ## e", &["2:..## cut_short"]),
            // Of what was lost about then nobody knows whose it was.
            (".... b ## x e .###", &["2:..##????. missing_rows"]),
            (".... x b ## e ....", &["2:..????##. missing_rows"]),
            (
                ".... b ## x e b ## e ....",
                &["2:..##???? missing_rows", "4:##????##. missing_rows"],
            ),
            // No row came in between: the rolls show what there is.
            (".... b e ....", &["2:..."]),
        ],
    );
    let page = LineMode::Page {
        page_rows: 4,
        pre_roll_rows: 1,
        trigger: PartTrigger::External,
    };
    check(
        page,
        &[
            (".... b ###. ....", &["3:.###."]),
            (".... b ## b ## ....", &["3:.## cut_short", "5:###.."]),
            (".... b ## | ##..", &["3:.## cut_short"]),
            (".... b ### ", &["3:.### cut_short"]),
        ],
    );
}

#[test]
fn windows_show_every_row_and_overlap() {
    let web = LineMode::Web {
        window_rows: 6,
        overlap_rows: 2,
    };
    check(
        web,
        &[
            (".... #### ..", &["0:....##", "4:####.."]),
            (".... #### .", &["0:....##", "4:####. cut_short"]),
            (".... .", &["0:..... cut_short"]),
            // A belt that stands loses nothing.
            (".... | | #### ..", &["0:....##", "4:####.."]),
            (
                ".... x ####",
                &[
                    "0:....?? missing_rows",
                    "4:????## missing_rows",
                    "8:#### cut_short",
                ],
            ),
            (".... < #### ..", &["0:.... cut_short", "4:####.."]),
            ("...... < #### ..", &["0:......", "6:####.."]),
            (".... ## > #### ..", &["0:....##", "6:####.."]),
            (
                "....... > #### ..",
                &["0:......", "4:... missing_rows cut_short", "7:####.."],
            ),
        ],
    );
}
