"""fastai's Learner around a network and its data: fitting, freezing, finding a learning rate."""
