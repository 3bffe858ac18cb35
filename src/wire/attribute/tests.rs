use super::*;
use proptest::prelude::*;

const V0: Cx = Cx { version: 0, generation: 0 };
const V2: Cx = Cx { version: 2, generation: 0 };

fn template(bytes: &[u8]) -> Result<Vec<Attribute>, Fault> {
    let mut input = Input::new(bytes);
    let mut template = take_template(&mut input)?;
    input.end()?;
    Ok(std::mem::take(&mut template.0))
}

/// A template of one attribute from its parts.
fn one(kind: u32, rest: &[u8]) -> Vec<u8> {
    [&1_u32.to_be_bytes()[..], &kind.to_be_bytes(), rest].concat()
}

#[test]
fn values_have_the_forms_that_debians_p11_kit_sends() {
    // A search for private keys with an id, as recorded on 2026-11-21 from 0.24.1.
    let recorded = [
        0, 0, 0, 2, 0, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 1, 2, 1, 0, 0, 0, 1,
        0, 0, 0, 1, 1,
    ];
    let expected = vec![
        Attribute { kind: 0, value: 3_u64.to_le_bytes().to_vec() },
        Attribute { kind: 0x102, value: vec![1] },
    ];
    assert_eq!(template(&recorded), Ok(expected.clone()));
    let mut output = Output::default();
    put_template(&mut output, &expected).unwrap();
    assert_eq!(output.as_slice(), recorded);
}

#[test]
fn a_length_that_is_not_the_values_is_malformed() {
    let bad = |kind, rest: &[u8]| assert_eq!(template(&one(kind, rest)), Err(Fault::Malformed));
    bad(1, &[1, 0, 0, 0, 2, 1]);
    bad(0, &[1, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 3]);
    bad(3, &[1, 0, 0, 0, 2, 0, 0, 0, 1, 7]);
    bad(0x110, &[1, 0, 0, 0, 7, 0, 0, 0, 7, 1, 2, 3, 4, 5, 6, 7]);
    bad(0x40000600, &[1, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1]);
    bad(0x40000600, &[1, 0, 0, 0, 8, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1]);
}

#[test]
fn shorter_numbers_stay_as_short_as_they_were() {
    let four = one(0, &[1, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 3]);
    assert_eq!(template(&four).unwrap()[0].value, vec![3, 0, 0, 0]);
    assert!(template(&one(1, &[1, 0, 0, 0, 0, 0])).unwrap()[0].value.is_empty());
}

#[test]
fn attributes_without_a_value_are_refused_in_templates() {
    let refused = Err(Fault::Refused(ATTRIBUTE_VALUE_INVALID));
    assert_eq!(template(&one(3, &[0])), refused);
    assert_eq!(template(&one(3, &[1, 0, 0, 0, 9, 255, 255, 255, 255])), refused);
    assert!(template(&one(3, &[1, 0, 0, 0, 0, 255, 255, 255, 255])).unwrap()[0].value.is_empty());
}

/// CKA_WRAP_TEMPLATE around `depth` others.
fn nested(depth: usize) -> Vec<u8> {
    let mut inner = vec![0, 0, 0, 0];
    for _ in 0..depth {
        inner = one(0x4000_0211, &[&[1, 0, 0, 0, 24][..], &inner].concat());
    }
    inner
}

#[test]
fn templates_in_templates_end_at_a_fixed_depth() {
    assert_eq!(template(&nested(1)), Err(Fault::Refused(ATTRIBUTE_VALUE_INVALID)));
    assert_eq!(template(&nested(2)), Err(Fault::Refused(ATTRIBUTE_TYPE_INVALID)));
    assert_eq!(template(&nested(3)), Err(Fault::Malformed));
    assert_eq!(template(&nested(50_000)), Err(Fault::Malformed));
    let inside = one(0x4000_0211, &[&[1, 0, 0, 0, 24][..], &one(3, &[1, 0, 0])].concat());
    assert_eq!(template(&inside), Err(Fault::Malformed));
    let empty = one(0x4000_0211, &[1, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert!(template(&empty).unwrap()[0].value.is_empty());
}

#[test]
fn questions_nest_in_versions_above_0_only_and_to_the_same_depth() {
    let plain = [0, 0, 0, 1, 0x40, 0, 2, 0x11, 0, 0, 0, 24];
    let ask = |cx, bytes: &[u8]| {
        let mut input = Input::new(bytes);
        let queries = take_queries(&mut input, cx)?;
        input.end()?;
        Ok::<_, Fault>(queries)
    };
    let expected = vec![Query { kind: 0x4000_0211, room: Some(24) }];
    assert_eq!(ask(V0, &plain), Ok(expected.clone()));
    assert_eq!(ask(V2, &plain), Err(Fault::Malformed));
    let once = [&plain[..], &[0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 5]].concat();
    assert_eq!(ask(V2, &once), Ok(expected));
    let thrice = [&plain[..], &plain, &plain, &[0; 4]].concat();
    assert_eq!(ask(V2, &thrice), Err(Fault::Malformed));
    let twice = [&plain[..], &plain, &[0; 4]].concat();
    assert!(ask(V2, &twice).is_ok());
    assert_eq!(ask(V0, &[0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 5]), Err(Fault::Malformed));
}

fn answered(queries: &[Query], bytes: &[u8]) -> Result<Answers, Fault> {
    let mut input = Input::new(bytes);
    let answers = take_answers(&mut input, queries)?;
    input.end()?;
    Ok(answers)
}

#[test]
fn answers_must_be_to_what_was_asked() {
    let ask = |room| [Query { kind: 3, room }];
    let answer = |kind, rest: &[u8]| [&one(kind, rest)[..], &[0; 8]].concat();
    let value = [1, 0, 0, 0, 2, 0, 0, 0, 2, 7, 8];
    let good = answer(3, &value);
    let whole = Answers { code: None, answers: vec![Answer::Value(vec![7, 8])] };
    assert_eq!(answered(&ask(Some(2)), &good), Ok(whole));
    let length = Answers { code: None, answers: vec![Answer::Length(2)] };
    assert_eq!(answered(&ask(None), &good), Ok(length.clone()));
    let long = answer(3, &[1, 0, 0, 0, 2, 255, 255, 255, 255]);
    assert_eq!(answered(&ask(None), &long), Ok(length));
    let small = Answers { code: Some(BUFFER_TOO_SMALL), answers: vec![Answer::Unavailable] };
    assert_eq!(answered(&ask(Some(1)), &good), Ok(small.clone()));
    assert_eq!(answered(&ask(Some(1)), &long), Ok(small));
    assert_eq!(answered(&ask(Some(2)), &answer(4, &value)), Err(Fault::Malformed));
    assert_eq!(answered(&[], &good), Err(Fault::Malformed));
    assert_eq!(answered(&[ask(None)[0]; 2], &good), Err(Fault::Malformed));
}

#[test]
fn values_that_do_not_fit_their_form_are_answered_as_unavailable() {
    let queries = [Query { kind: 1, room: Some(9) }, Query { kind: 3, room: Some(9) }];
    let told =
        |code| Answers { code, answers: vec![Answer::Value(vec![1; 4]), Answer::Value(vec![5])] };
    let mut output = Output::default();
    put_answers(&mut output, &queries, &told(Some(ATTRIBUTE_SENSITIVE))).unwrap();
    let read = answered(&queries, output.as_slice()).unwrap();
    assert_eq!(read.answers, [Answer::Unavailable, Answer::Value(vec![5])]);
    assert_eq!(read.code, Some(ATTRIBUTE_SENSITIVE));
    for code in [ATTRIBUTE_TYPE_INVALID, BUFFER_TOO_SMALL] {
        assert!(put_answers(&mut output, &queries, &told(Some(code))).is_ok());
    }
    assert_eq!(put_answers(&mut output, &queries, &told(Some(Rv(0x30)))), Err(Rv(0x30)));
    assert_eq!(put_answers(&mut output, &queries[..1], &told(None)), Err(DEVICE_ERROR));
}

proptest! {
    #[test]
    fn templates_come_back(kinds in prop::collection::vec((0_u32..0x300, prop::collection::vec(any::<u8>(), 0..40)), 0..8)) {
        let mut sent = Vec::new();
        let mut output = Output::default();
        for (kind, mut value) in kinds {
            match form(u64::from(kind)) {
                Form::Byte => value.truncate(1),
                Form::Number => value.truncate(8),
                Form::Date => value.resize(8, b'0'),
                _ => {}
            }
            sent.push(Attribute { kind: u64::from(kind), value });
        }
        put_template(&mut output, &sent).unwrap();
        prop_assert_eq!(template(output.as_slice()), Ok(sent));
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), version in 0_u8..3) {
        let cx = Cx { version, generation: 0 };
        let _ = template(&bytes);
        let _ = take_queries(&mut Input::new(&bytes), cx);
        let _ = take_answers(&mut Input::new(&bytes), &[Query { kind: 3, room: None }]);
    }
}
