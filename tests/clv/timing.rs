//! Sections 1 to 3 and 5: one customer at named parameters.

use clienting::kernel::clv::timing::{Model, Timing};

use super::{near, within};

fn bg(params: [f64; 4]) -> Timing {
    Timing::new(Model::BgNbd, &params, 7.0)
}

const PAPER: [f64; 4] = [0.243, 4.414, 0.793, 2.426];
const MLE: [f64; 4] = [0.242_594_53, 4.413_602_39, 0.792_922_05, 2.425_906_92];
const VIGNETTE: [f64; 4] = [0.242_598_2, 4.413_684_2, 0.792_989_9, 2.426_166_7];
const PARETO: [f64; 4] = [0.553, 10.578, 0.606, 11.669];

fn pareto(params: [f64; 4]) -> Timing {
    Timing::new(Model::ParetoNbd, &params, 7.0)
}

#[test]
fn section_1_likelihood_of_one_customer() {
    near("4, 30.7, 38.9", bg(PAPER).log_likelihood(4, 30.7, 38.9), -15.329_352_355_707_09, 1e-11);
    let other = bg([0.25, 4.0, 0.8, 2.5]);
    within("0, 0, 40", other.log_likelihood(0, 0.0, 40.0), -0.599_473_818_2, 1e-9);
    within("200, 38, 40", other.log_likelihood(200, 38.0, 40.0), 100.795_693_093, 1e-9);
}

#[test]
fn section_1_expectations() {
    within("E[Y(39)] at the MLE", bg(MLE).conditional_expectation(2, 30.43, 38.86, 39.0), 1.225_906_83, 1e-6);
    within("E[Y(39)] rounded", bg(PAPER).conditional_expectation(2, 30.43, 38.86, 39.0), 1.226_028_17, 1e-6);
    let newcomer = bg(MLE).newcomer();
    let rows = [
        (0.1429, 0.007_816_00),
        (1.0, 0.053_184_29),
        (3.0, 0.150_630_83),
        (31.8571, 1.040_489_11),
        (32.0, 1.043_732_01),
        (78.0, 1.857_958_34),
    ];
    for (t, wanted) in rows {
        near(&format!("E[X({t})]"), newcomer.expected(t), wanted, 2e-6);
    }
    let vignette = bg(VIGNETTE);
    near("E[X(52)]", vignette.newcomer().expected(52.0), 1.444_004, 1e-6);
    let t_x = 216.0 / 7.0;
    near("1516: E[Y(52)]", vignette.conditional_expectation(26, t_x, 31.0, 52.0), 25.756_538, 1e-7);
    near("1516: P(alive)", vignette.p_alive(26, t_x, 31.0), 0.968_852_151, 1e-8);
    let paradox = [(10, 0.347_460_6), (15, 0.042_833_91), (20, 0.004_158_973), (25, 0.000_358_368_5)];
    for (x, wanted) in paradox {
        near(&format!("paradox {x}"), vignette.conditional_expectation(x, 20.0, 39.0, 52.0), wanted, 1e-4);
    }
}

#[test]
fn section_1_count_probabilities() {
    let newcomer = bg(PAPER).newcomer();
    within("pmf(2, 10)", newcomer.counts(2.0).p[10], 1.078_689_64e-7, 1e-12);
    within("pmf(39, 0)", newcomer.counts(39.0).p[0], 0.573_786_352, 1e-8);
    let wanted = [
        0.001_999_521_45,
        0.001_517_023_63,
        0.001_163_315_01,
        0.000_900_314_79,
        0.000_702_363_77,
        0.000_551_790_24,
        0.000_436_191_28,
        0.000_346_717_14,
        0.000_276_961_26,
        0.000_222_226_05,
    ];
    let counts = newcomer.counts(30.0);
    for (n, wanted) in (11..).zip(wanted) {
        within(&format!("pmf(30, {n})"), counts.p[n], wanted, 1e-10);
    }
    assert_eq!(newcomer.counts(0.0).p, [1.0], "nothing happens in no time");
}

#[test]
fn section_1_customers_at_rounded_parameters() {
    let rows = [
        ((0, 0.0, 38.86), [-0.554_713_276, 1.0, 0.195_098_052, 0.252_073_022]),
        ((2, 30.43, 38.86), [-9.458_606_307, 0.726_578_570, 1.226_028_175, 1.558_720_806]),
        ((1, 1.71, 38.86), [-4.469_093_275, 0.212_100_985, 0.203_186_987, 0.259_823_465]),
        ((7, 29.43, 38.86), [-21.863_276_272, 0.641_756_346, 3.337_053_275, 4.198_855_585]),
    ];
    for ((x, t_x, t), wanted) in rows {
        let model = bg(PAPER);
        let found = [
            model.log_likelihood(x, t_x, t),
            model.p_alive(x, t_x, t),
            model.conditional_expectation(x, t_x, t, 39.0),
            model.conditional_expectation(x, t_x, t, 52.0),
        ];
        found
            .iter()
            .zip(wanted)
            .for_each(|(found, wanted)| within(&format!("{x} {t_x}"), *found, wanted, 1e-8));
    }
}

#[test]
fn section_2_mbg_nbd() {
    let mbg = |params: [f64; 4]| Timing::new(Model::MbgNbd, &params, 7.0);
    near("4, 30.7, 38.9", mbg(PAPER).log_likelihood(4, 30.7, 38.9), -15.487_436_077_892_465, 1e-11);
    let other = mbg([0.25, 4.0, 0.8, 2.5]);
    within("0, 0, 40", other.log_likelihood(0, 0.0, 40.0), -0.417_928_262_045, 1e-9);
    within("200, 38, 40", other.log_likelihood(200, 38.0, 40.0), 100.786_909_761, 1e-8);
    let model = mbg([0.525, 6.183, 0.891, 1.614]);
    let rows = [
        ((0, 0.0, 38.86), [-0.539_837_464, 0.389_735_081, 0.154_012_747], 1e-8),
        ((2, 30.43, 38.86), [-9.485_551_315, 0.706_202_265, 1.262_960_623], 1e-8),
        ((1, 1.71, 38.86), [-4.460_361, 0.170_836_484, 0.188_836_541], 1e-6),
        ((26, 216.0 / 7.0, 31.0), [-38.322_056, 0.965_498_055, 19.449_351_035], 1e-6),
    ];
    for ((x, t_x, t), wanted, tolerance) in rows {
        let found = [
            model.log_likelihood(x, t_x, t),
            model.p_alive(x, t_x, t),
            model.conditional_expectation(x, t_x, t, 39.0),
        ];
        found
            .iter()
            .zip(wanted)
            .for_each(|(found, wanted)| within(&format!("{x} {t_x}"), *found, wanted, tolerance));
    }
    let newcomer = model.newcomer();
    for (t, wanted) in
        [(1.0, 0.053_084_795_3), (39.0, 1.182_953_665_6), (52.0, 1.419_723_757_7), (78.0, 1.804_757_577_6)]
    {
        near(&format!("E[X({t})]"), newcomer.expected(t), wanted, 1e-9);
    }
}

#[test]
fn section_3_pareto_nbd_expectations() {
    let model = pareto(PARETO);
    let wanted = [
        0.050_979_84,
        0.099_575_40,
        0.146_061_19,
        0.190_663_83,
        0.233_572_92,
        0.274_948_90,
        0.314_928_89,
        0.353_631_18,
        0.391_158_58,
    ];
    for (t, wanted) in (1..).zip(wanted) {
        near(&format!("E[X({t})]"), model.newcomer().expected(f64::from(t)), wanted, 1e-7);
    }
    let t_x = 216.0 / 7.0;
    near("1516: E[X(52)]", model.newcomer().expected(52.0), 1.472_996_80, 1e-8);
    near("1516: E[Y(52)]", model.conditional_expectation(26, t_x, 31.0, 52.0), 25.457_338_44, 1e-8);
    near("1516: P(alive)", model.p_alive(26, t_x, 31.0), 0.997_874_26, 1e-8);
    for (x, wanted) in [(10, 0.706_344_34), (15, 0.144_256_14), (20, 0.022_507_45), (25, 0.003_092_53)] {
        near(&format!("E[Y(52)] {x}"), model.conditional_expectation(x, 20.0, 39.0, 52.0), wanted, 2e-6);
    }
    // Printed as .2941633, from parameters with more digits than are printed: .294142 to .294467.
    assert!((0.294_142..0.294_468).contains(&model.p_alive(0, 0.0, 39.0)));
}

#[test]
fn section_3_pareto_nbd_customers() {
    let rows = [
        ((0, 0.0, 38.86), [-0.521_046_294, 0.295_286_605, 0.107_081_468]),
        ((2, 30.43, 38.86), [-9.554_283_245, 0.869_167_559, 1.455_123_193]),
        ((1, 1.71, 38.86), [-4.450_194_334, 0.168_002_327, 0.171_092_981]),
        ((7, 29.43, 38.86), [-21.594_643_218, 0.749_501_408, 3.712_251_380]),
        ((23, 39.0, 39.0), [-41.800_782_294, 1.0, 15.407_882_239]),
    ];
    let model = pareto(PARETO);
    for ((x, t_x, t), wanted) in rows {
        let found = [
            model.log_likelihood(x, t_x, t),
            model.p_alive(x, t_x, t),
            model.conditional_expectation(x, t_x, t, 39.0),
        ];
        found
            .iter()
            .zip(wanted)
            .for_each(|(found, wanted)| near(&format!("{x} {t_x}"), *found, wanted, 1e-8));
    }
}

#[test]
fn section_3_far_out() {
    let model = pareto([0.55, 10.58, 0.61, 11.67]);
    for (x, wanted) in [(132, 6.206_051_788_96), (133, 6.252_872_247_57)] {
        near(&format!("underflow {x}"), model.conditional_expectation(x, 200.0, 200.0, 10.0), wanted, 1e-8);
    }
    let params = [10.465, 0.007_985_651_81, 3.0516, 2.820];
    let rows = [
        ((400, 5.0, 6.0), -667.991_281_271, 5.137_458_11e-31),
        ((500, 1.0, 37.0), -9.476_588_32, 0.0),
        ((500, 4.0, 37.0), -715.059_793_204, 0.0),
    ];
    for ((x, t_x, t), ln_a0, p_alive) in rows {
        use clienting::kernel::clv::pareto::{ln_difference, ln_tail};
        let count = f64::from(x);
        let w = params[0] + params[2] + count;
        let found = w.ln() + ln_difference(ln_tail(params, count, t_x).0, ln_tail(params, count, t).0);
        near(&format!("ln A0 {x} {t_x}"), found, ln_a0, 1e-8);
        near(&format!("P(alive) {x} {t_x}"), pareto(params).p_alive(x, t_x, t), p_alive, 1e-7);
    }
    near(
        "alpha = beta",
        pareto([0.553, 10.0, 0.606, 10.0]).log_likelihood(2, 30.43, 38.86),
        -9.622_811_869_9,
        1e-9,
    );
    let one = pareto([0.55, 10.58, 1.0, 11.67]);
    near("s = 1: E[X(39)]", one.newcomer().expected(39.0), 0.890_771_668_338, 1e-10);
    near("s = 1: E[Y(39)]", one.conditional_expectation(2, 30.43, 38.86, 39.0), 1.184_700_478_16, 1e-10);
}

#[test]
fn section_3_discounted_residual_transactions() {
    let model = pareto([0.562_996_6, 12.559_037, 0.408_109_5, 10.514_804_8]);
    near("DERT", model.discounted_expectation(7, 35.0, 77.86, 0.0027), 1.864_183_33, 1e-8);
    let wanted = [
        2.199_155_45,
        2.843_534_41,
        2.867_128_39,
        2.445_410_08,
        1.840_501_92,
        1.262_416_47,
        0.809_618_12,
        0.494_803_62,
        0.292_024_70,
        0.167_927_51,
    ];
    for (x, wanted) in (1..).zip(wanted) {
        near(&format!("DERT {x}"), model.discounted_expectation(x, 30.0, 77.86, 0.0027), wanted, 2e-8);
    }
    let rows = [(0.001, 11.453_058_72), (0.0027, 6.483_773_57), (0.06, 0.644_264_72), (0.99, 0.044_805_11)];
    for (delta, wanted) in rows {
        let found = pareto(PARETO).discounted_expectation(2, 30.43, 38.86, delta);
        near(&format!("DERT at {delta}"), found, wanted, 1e-7);
    }
    let rows = [
        ((2, 30.43, 38.86), 5.156_379_826),
        ((0, 0.0, 38.86), 1.015_701_931),
        ((26, 216.0 / 7.0, 31.0), 70.901_796_6),
    ];
    for ((x, t_x, t), wanted) in rows {
        near(&format!("BG/NBD {x}"), bg(PAPER).discounted_expectation(x, t_x, t, 0.0027), wanted, 1e-9);
    }
}

#[test]
fn section_5_the_second_data_set() {
    let model = Timing::new(Model::BgNbd, &[0.163_850_91, 1.864_280_58, 1.850_342_99, 3.181_058_61], 1.0);
    let rows = [
        ((0, 0.0, 298.0), 0.016_053),
        ((0, 0.0, 224.0), 0.021_171),
        ((6, 142.0, 292.0), 0.030_461),
        ((0, 0.0, 147.0), 0.031_686),
        ((2, 9.0, 183.0), 0.001_607),
    ];
    for ((x, t_x, t), wanted) in rows {
        within(&format!("{x} {t_x} {t}"), model.conditional_expectation(x, t_x, t, 30.0), wanted, 1e-6);
    }
}
