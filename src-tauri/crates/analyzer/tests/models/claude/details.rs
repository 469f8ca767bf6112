//! What is shown from near: what the screen marked, and what the model was not sure of.

use super::*;

#[tokio::test]
async fn what_the_screen_marked_is_shown_from_near_in_the_same_request() {
    let Some(standin) = StandIn::session() else {
        return;
    };
    let near = json!({"picture": 1, "type": "blade_scratch", "severity": "minor", "confidence": 0.9,
        "region": "blade_surface", "box": [160, 320, 320, 400], "description": "划痕",
        "recommended_action": "rework", "criterion": null});
    standin
        .script(json!([{"reply": {"findings": [near]}}]))
        .await;
    let claude = standin.claude(ClaudeSettings::default());
    let mut request = request_of(picture(4032, 3024), Language::ZhCn);
    let marked = BoxPx {
        x: 2000,
        y: 1500,
        width: 40,
        height: 20,
    };
    request.screening = Some(builders::defective(
        &request.image.facts(),
        vec![builders::finding(
            DefectType::Unknown,
            Severity::Major,
            marked,
        )],
    ));
    let analysis = contract::its_analysis_keeps_the_ports_word(&claude, &request).await;
    let seen = standin.requests().await;
    let pictures = seen[0]["images"].as_array().unwrap();
    assert_eq!((seen.len(), pictures.len()), (1, 2));
    // 160 pixels around the mark, enlarged four times.
    assert_eq!(pictures[1]["width_px"], 640);
    let BoxProvenance::Cropped { crop, .. } = analysis.findings[0].provenance else {
        panic!("{:?}", analysis.findings[0]);
    };
    assert_eq!((crop.width, crop.height), (160, 160));
    let expected = BoxPx {
        x: crop.x + 40,
        y: crop.y + 80,
        width: 40,
        height: 20,
    };
    assert_eq!(analysis.findings[0].box_px, expected);
}

/// What the first look says with little confidence, what the closer look says, and what becomes of the part.
#[rstest]
#[case::confirmed(json!({"findings": [in_detail(shallow([300.0, 300.0, 500.0, 460.0], 0.95))]}), Ok(VerdictCode::Fail))]
#[case::not_found_again(json!({}), Err(Why::Disagreement))]
#[case::not_to_be_told(json!({"verdict": "unsure"}), Err(Why::Disagreement))]
#[tokio::test]
async fn what_the_model_is_not_sure_of_is_shown_again_from_near(
    #[case] closer: Value,
    #[case] decided: Result<VerdictCode, Why>,
) {
    let Some(standin) = StandIn::session() else {
        return;
    };
    let doubtful = shallow([300.0, 200.0, 320.0, 210.0], 0.4);
    standin
        .script(json!([{"reply": {"findings": [doubtful]}}, {"reply": closer}]))
        .await;
    let claude = standin.claude(ClaudeSettings::default());
    let request = request_of(picture(1920, 1080), Language::En);
    let said = claude.analyze(&request).await;
    let seen = standin.requests().await;
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[1]["images"].as_array().unwrap().len(), 2);
    let verdict = match &said {
        Ok(analysis) => {
            let verdict = judge(&request.image.facts(), analysis, None);
            verdict.reason().map_or(Ok(verdict.code()), Err)
        }
        Err(AnalysisError::Unusable { reason, .. }) => Err(*reason),
        Err(other) => panic!("{other}"),
    };
    assert_eq!(verdict, decided);
    if let (Ok(analysis), Ok(_)) = (said, verdict) {
        let found = &analysis.findings[0];
        assert!(
            matches!(found.provenance, BoxProvenance::Cropped { .. }),
            "{found:?}"
        );
        assert!((found.confidence - 0.95).abs() < 1e-9);
    }
}
