"""Callbacks: what happens at the beginning and end of training, of epochs and of batches.

Names, arguments and defaults are Keras's.
"""

from fastdnn.callbacks.backup_and_restore import BackupAndRestore
from fastdnn.callbacks.callback import Callback, Logs
from fastdnn.callbacks.callback_list import CallbackList, checked_callbacks
from fastdnn.callbacks.csv_logger import CSVLogger
from fastdnn.callbacks.early_stopping import EarlyStopping, TerminateOnNaN
from fastdnn.callbacks.history import History
from fastdnn.callbacks.lambda_callback import LambdaCallback
from fastdnn.callbacks.learning_rate import LearningRateScheduler, ReduceLROnPlateau
from fastdnn.callbacks.model_checkpoint import ModelCheckpoint
from fastdnn.callbacks.progress import ProgressBar, chosen_verbosity, format_logs, progress_bar
from fastdnn.callbacks.tensorboard import TensorBoard

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "Logs",
    "ModelCheckpoint",
    "ProgressBar",
    "ReduceLROnPlateau",
    "TensorBoard",
    "TerminateOnNaN",
    "checked_callbacks",
    "chosen_verbosity",
    "format_logs",
    "progress_bar",
]
