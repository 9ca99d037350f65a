"""Keras's tests that fastdnn is not asked to pass: a pattern of their names, and why.

`docs/numerics.md` shows them; tests/test_peers.py compares both.
"""

_ABSENT = "fastdnn does not have {}"
_INTERNAL = "looks at variables inside of Keras's object"
_CONFIG = "asks for Keras's serialization; fastdnn's is tested by tests/test_save.py"
_DTYPE = "asks for a type of numbers; fastdnn computes in float32"
_FIT = "trains a model of Keras's"
_WEIGHTS = "weighs single elements; fastdnn weighs rows"
_DIMENSIONS = "has outputs of more than two dimensions, or of one"

EXCLUSIONS = {
    # Classes, functions and arguments that fastdnn does not have.
    r"optimizer_test\..*(adafactor|tf_variables)": _ABSENT.format("these optimizers and wrappers"),
    r"optimizer_test\..*(static_loss_scaling|overwrite_with_gradient|callable_learning)": (
        _ABSENT.format("loss scaling, gradients that replace weights, or rates that are functions")
    ),
    r"optimizer_test\..*test_setting_lr_to_callable": _ABSENT.format("rates that are functions"),
    r"_test\..*Test\.test_weight_decay$": _ABSENT.format(
        "`exclude_from_weight_decay`; use `MultiOptimizer`"
    ),
    r"losses_test\.(CosineSimilarity|Tversky|Circle|CategoricalGeneralized|Dice|CTC)": (
        _ABSENT.format("these losses")
    ),
    r"losses_test\..*ignore_class|probabilistic_metrics_test\..*ignore_class": _ABSENT.format(
        "`ignore_class`"
    ),
    r"metrics_test\.(False|True)(Positive|Negative)s?Test": _ABSENT.format("these metrics"),
    r"metrics_test\.(Sensitivity|Specificity|RecallAt|PrecisionAt)": _ABSENT.format(
        "these metrics"
    ),
    r"metrics_test\.(KLDivergence|Poisson|CosineSimilarity|LogCoshError)": _ABSENT.format(
        "these metrics; the losses of the same names are tested"
    ),
    r"metrics_test\.MeanAbsolutePercentageError|metrics_test\.MeanSquaredLogarithmic": (
        _ABSENT.format("these metrics; the losses of the same names are tested")
    ),
    r"accuracy_metrics_test\.AccuracyTest": (
        "`Accuracy` of fastdnn is the name that becomes the accuracy that fits, as "
        "metrics=['accuracy'] is in Keras; it is no metric by itself"
    ),
    r"accuracy_metrics_test\..*from_sorted_ids": _ABSENT.format("`from_sorted_ids`"),
    r"regularizers_test\..*orthogonal": _ABSENT.format("`OrthogonalRegularizer`"),
    r"initializers_test\..*(input_axes|with_axes|stft|identity)": _ABSENT.format(
        "these initializers and arguments"
    ),
    # What Keras's objects are inside, and how they are written to files.
    r"(losses|regularizers|optimizers|metrics|schedules)[._].*test_config": _CONFIG,
    r"constraints_test\..*(config|serialization|default_constraint_call)": _CONFIG,
    r"regularizers_test\..*get_config": _CONFIG,
    r"initializers_test\..*(random_normal|random_uniform|variance_scaling|orthogonal)$": (
        _CONFIG + "; their numbers by tests/test_initializers.py"
    ),
    r"constant_initializers_test\..*(constant|ones|zeros)_initializer$": _CONFIG,
    r"initializers_test\..*(seed_generator|array_value|get_method)": (
        "uses Keras's generators of seeds, tensors or look-up"
    ),
    r"(constraints|regularizers|optimizer)_test\..*get_method": "looks up Keras's classes",
    r"losses_test\..*(base_function|user_axis)": "calls functions of Keras's module",
    r"losses_test\..*dtype_arg": _DTYPE,
    r"sgd_test\..*single_step|optimizer_test\..*(set_weights|gradient_accumulation|auto_naming)$": (
        _INTERNAL
    ),
    r"metrics_test\..*(class_id_multiclass|reset_state|test_manual_thresholds)$": _INTERNAL,
    r"f_score_metrics_test\..*(2d_input_shapes|undefined_output_dim)": _INTERNAL,
    r"f_score_metrics_test\..*(beta_integer|threshold_not_float)": (
        "refuses whole numbers, which fastdnn takes for floating-point ones"
    ),
    r"optimizer_test\..*tf_checkpointing": "needs TensorFlow",
    r"optimizer_test\..*constraints_are_applied": (
        "gives a variable a constraint of Keras's; fastdnn's are tested by constraints_test"
    ),
    r"nadam_test\..*empty_var_list": "builds an optimizer without variables",
    r"(adam|lion)_test\..*(indexed_slices|test_ema)|optimizer_test\..*with_model_fit": _FIT,
    r"schedule_test\.TestFit": _FIT,
    # Shapes and weights.
    r"metrics_test\..*(Precision|Recall)Test\.test_(multiple_updates|weighted)": _WEIGHTS,
    r"metrics_test\..*(weighted_nd|full_sample_weight_flat)": _WEIGHTS,
    r"metrics_test\..*(reshape_matches|extra_dims|unweighted_top_k)": _DIMENSIONS,
    r"R2ScoreTest\.test_errors": "refuses one-dimensional outputs, which are one column here",
    r"optimizer_test\..*empty_gradients": "leaves out gradients, which every variable has here",
    r"BatchNormalizationTest\.test_(correctness|input_fully|bachnorm_ignore|masked)": (
        "masks rows; fastdnn's layer is trained beside Keras's by tests/test_keras_training.py"
    ),
    r"BatchNormalizationTest\.test_renorm": _ABSENT.format("`renorm`"),
    r"BatchNormalizationTest\.test_bn_basics": "runs Keras's checks of Keras's layers",
    r"BatchNormalizationTest\.test_large_value_within_autocast": _DTYPE,
    r"BatchNormalizationTest\.test_serialization": _CONFIG,
    # What runs without anything of fastdnn's.
    r"ValidateFloatArgTest|different_axis|mha_query_projection": "tests functions of Keras's alone",
}

_TRAINS = "trains models of Keras's; {} compares fastdnn's callbacks with them"

# Whole files.
OTHER_MODULES = {
    **dict.fromkeys(
        (
            "optimizers.adafactor_test",
            "optimizers.lamb_test",
            "optimizers.loss_scale_optimizer_test",
            "optimizers.muon_test",
            "optimizers.schedule_free_adamw_test",
            "callbacks.orbax_checkpoint_test",
            "callbacks.remote_monitor_test",
            "callbacks.swap_ema_weights_test",
            "metrics.correlation_metrics_test",
            "metrics.hinge_metrics_test",
            "metrics.iou_metrics_test",
        ),
        "fastdnn does not have these",
    ),
    "optimizers.multi_optimizer_test": "fastdnn's `MultiOptimizer` chooses by names",
    "optimizers.optimizer_sparse_test": "gives sparse gradients",
    **dict.fromkeys(
        ("losses.loss_test", "metrics.metric_test", "initializers.initializer_test"),
        "tests a base class of Keras's",
    ),
    "metrics.reduction_metrics_test": "tests means of anything, which are no metrics here",
    "callbacks.backup_and_restore_test": "fastdnn does not have this yet",
    **dict.fromkeys(
        (
            "callbacks.callback_test",
            "callbacks.csv_logger_test",
            "callbacks.early_stopping_test",
            "callbacks.lambda_callback_test",
            "callbacks.learning_rate_scheduler_test",
            "callbacks.model_checkpoint_test",
            "callbacks.monitor_callback_test",
            "callbacks.reduce_lr_on_plateau_test",
            "callbacks.terminate_on_nan_test",
        ),
        _TRAINS.format("tests/test_stopping.py"),
    ),
    "callbacks.tensorboard_test": _TRAINS.format("tests/test_tensorboard.py"),
}
PACKAGES = (
    "callbacks",
    "constraints",
    "initializers",
    "losses",
    "metrics",
    "optimizers",
    "optimizers.schedules",
    "regularizers",
)
