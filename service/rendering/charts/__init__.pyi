from .study import StudyTraining as StudyTraining
from .study import StudyView as StudyView
from .study import draw_study as draw_study
